"""Numbers over all tickets of a person's organisations: tallies, throughput, deadlines kept.

Each is one query that counts inside the database, whatever the number of tickets. What was in past
weeks is kept for a minute; what waits now is counted at each look.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from hashlib import sha256
from typing import TypeVar

from django.core.cache import cache
from django.db.models import Count, DateField, DateTimeField, F, Func, Q, QuerySet
from django.db.models.functions import Cast, TruncWeek
from django.utils import timezone
from redis.exceptions import RedisError

from expunge.accounts.permissions import Actor, Permission
from expunge.common.clock import now
from expunge.tickets.models import Outcome, Ticket
from expunge.tickets.selectors import overdue_now
from expunge.tickets.states import TERMINAL, TicketState
from expunge.tickets.worklists import DUE_SOON

S = TicketState
WEEKS = 12
KEPT_DAYS = 90
KEPT_SECONDS = 60
Counted = TypeVar("Counted")
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
    overdue = overdue_now(actor)
    return (
        _visible(actor)
        .exclude(state__in=sorted(TERMINAL))  # in these words an index over open tickets is enough
        .aggregate(
            overdue=Count("state", filter=overdue),
            due_soon=Count("state", filter=~overdue & Q(due_on__lte=now().date() + DUE_SOON)),
            failed=Count("state", filter=Q(state=S.VERIFICATION_FAILED)),
            running=Count("state", filter=Q(state__in=AT_WORK)),
            held=Count("state", filter=Q(state=S.ON_HOLD)),
            open=Count("state"),
        )
    )


def throughput(actor: Actor, weeks: int = WEEKS) -> Sequence[Week]:
    """Return the last weeks, oldest first, with what was filed, closed and closed unverified."""
    zone = timezone.get_current_timezone_name()
    return _kept(actor, f"throughput:{weeks}:{zone}", partial(_throughput, actor, weeks))


def deadlines_kept(actor: Actor, days: int = KEPT_DAYS) -> Kept:
    """Return how many tickets that ended in the last days ended in time, where they belong."""
    return _kept(actor, f"deadlines:{days}", partial(_deadlines_kept, actor, days))


def _kept(actor: Actor, name: str, count: Callable[[], Counted]) -> Counted:
    """Return what was counted within the last minute for the same organisations, or count."""
    controllers = sorted(map(str, actor.controllers(Permission.TICKET_VIEW)))
    key = f"statistics:{name}:{sha256(','.join(controllers).encode()).hexdigest()}"
    try:
        found: Counted | None = cache.get(key)
        if found is None:
            found = count()
            cache.set(key, found, KEPT_SECONDS)
    except RedisError:
        return count()
    return found


def _throughput(actor: Actor, weeks: int) -> Sequence[Week]:
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


def _deadlines_kept(actor: Actor, days: int) -> Kept:
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
