"""The tickets that a filter of the list finds, the stuck ones too: those the jobs know of."""

from __future__ import annotations

from django.db.models import QuerySet

from expunge.accounts.permissions import Actor
from expunge.jobs.selectors import tickets_stuck
from expunge.tickets.listing import TicketFilter, tickets_listed
from expunge.tickets.models import Ticket


def tickets_found(actor: Actor, wanted: TicketFilter) -> QuerySet[Ticket]:
    """Return the tickets that fit, in no order yet."""
    found = tickets_listed(actor, wanted)
    return found.filter(pk__in=tickets_stuck(actor).values("pk")) if wanted.stuck else found
