"""Numbers over all tickets of a person's organisations: tallies, throughput, deadlines kept.

Each is one query that counts inside the database, whatever the number of tickets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Count, DateField, DateTimeField, F, Func, Q, QuerySet
from django.db.models.functions import Cast, TruncWeek
from django.utils import timezone

from expunge.accounts.permissions import Actor, Permission
from expunge.common.clock import now
from expunge.tickets.listing import OPEN
from expunge.tickets.models import Outcome, Ticket
from expunge.tickets.states import TicketState
from expunge.tickets.worklists import DUE_SOON

S = TicketState
WEEKS = 12
KEPT_DAYS = 90
AT_WORK = (S.APPROVED, S.IN_PROGRESS, S.VERIFIED, S.CERTIFIED)


@dataclass(frozen=True)
class Week:
    """What came and went in the week that begins on ``monday``."""

    monday: date
    filed: int
    closed: int
    not_verified: int


@dataclass(frozen=True)
class Kept:
    """How many tickets that ended lately did so by their deadline."""

    in_time: int
    ended: int

    @property
    def percent(self) -> int | None:
        """Return the share in percent, rounded down: 100 only when none was late."""
        return self.in_time * 100 // self.ended if self.ended else None


def tallies(actor: Actor) -> Mapping[str, int]:
    """Return how many open tickets there are of each kind that a dashboard counts."""
    today = Cast(_local(now()), DateField())
    overdue = Q(due_on__lt=today, paused_since=None)
    return (
        _visible(actor)
        .filter(state__in=OPEN)
        .aggregate(
            overdue=Count("pk", filter=overdue),
            due_soon=Count("pk", filter=~overdue & Q(due_on__lte=now().date() + DUE_SOON)),
            failed=Count("pk", filter=Q(state=S.VERIFICATION_FAILED)),
            running=Count("pk", filter=Q(state__in=AT_WORK)),
            held=Count("pk", filter=Q(state=S.ON_HOLD)),
            open=Count("pk"),
        )
    )


def throughput(actor: Actor, weeks: int = WEEKS) -> Sequence[Week]:
    """Return the last weeks, oldest first, with what was filed, closed and closed unverified."""
    today = timezone.localdate(now())
    first = today - timedelta(days=today.weekday(), weeks=weeks - 1)
    start = timezone.make_aware(datetime.combine(first, time()))
    filed = _by_week(_visible(actor).filter(received_at__gte=start), "received_at")
    ended = _by_week(_visible(actor).filter(ended_at__gte=start), "ended_at")
    mondays = [first + timedelta(weeks=place) for place in range(weeks)]
    return [
        Week(day, filed=sum(filed[day]), closed=ended[day][0], not_verified=ended[day][1])
        for day in mondays
    ]


def deadlines_kept(actor: Actor, days: int = KEPT_DAYS) -> Kept:
    """Return how many tickets that ended in the last days ended in time, where they belong."""
    ended = _visible(actor).filter(ended_at__gte=now() - timedelta(days=days))
    ended_on = Cast(_local(F("ended_at")), DateField())
    found = ended.aggregate(all=Count("pk"), in_time=Count("pk", filter=Q(due_on__gte=ended_on)))
    return Kept(found["in_time"], found["all"])


def _visible(actor: Actor) -> QuerySet[Ticket]:
    controllers = actor.controllers(Permission.TICKET_VIEW)
    return Ticket.objects.filter(controller_id__in=controllers).order_by()


def _by_week(tickets: QuerySet[Ticket], field: str) -> Mapping[date, tuple[int, int]]:
    """Return how many tickets there are a week: all others, and those closed unverified."""
    unverified = Q(outcome=Outcome.NOT_VERIFIED)
    rows = (
        tickets.annotate(week=TruncWeek(field))
        .values_list("week")
        .annotate(others=Count("pk", filter=~unverified), failed=Count("pk", filter=unverified))
    )
    found: defaultdict[date, tuple[int, int]] = defaultdict(lambda: (0, 0))
    found.update({week.date(): (others, failed) for week, others, failed in rows})
    return found


def _local(moment: object) -> Func:
    """Return the time on the clocks of a ticket's organisation."""
    return Func(
        F("controller__time_zone"), moment, function="timezone", output_field=DateTimeField()
    )
