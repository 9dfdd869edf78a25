"""Tickets whose work goes on by itself but has not moved for long."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet

from expunge.accounts.permissions import Actor
from expunge.common.clock import now
from expunge.jobs.models import Attempt
from expunge.tickets.models import Ticket, TicketMove
from expunge.tickets.statistics import AT_WORK
from expunge.tickets.worklists import tickets_running

STILL = timedelta(hours=1)


def tickets_stuck(actor: Actor) -> QuerySet[Ticket]:
    """Return the tickets at work that did not move for an hour while no attempt has a lease."""
    moment = now()
    moved = TicketMove.objects.filter(ticket=OuterRef("pk"), created_at__gt=moment - STILL)
    alive = Attempt.objects.filter(job__ticket=OuterRef("pk"), batch__lease_until__gt=moment)
    found = tickets_running(actor).filter(state__in=AT_WORK)
    return found.exclude(Exists(moved)).exclude(Exists(alive))
