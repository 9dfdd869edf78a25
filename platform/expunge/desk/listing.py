"""The tickets that a filter of the list finds, the stuck ones too: those the jobs know of."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import QueryDict

from expunge.accounts.permissions import Actor
from expunge.desk.models import SavedView
from expunge.jobs.selectors import tickets_stuck
from expunge.tickets.listing import (
    TicketFilter,
    filter_of,
    tickets_listed,
    tickets_sorted,
)
from expunge.tickets.models import Ticket


def tickets_found(actor: Actor, wanted: TicketFilter) -> QuerySet[Ticket]:
    """Return the tickets that fit, in no order yet."""
    found = tickets_listed(actor, wanted)
    return found.filter(pk__in=tickets_stuck(actor).values("pk")) if wanted.stuck else found


def tickets_in_view(actor: Actor, view: SavedView) -> QuerySet[Ticket]:
    """Return the tickets of a saved view that the actor sees, in the view's order."""
    wanted, order = filter_of(QueryDict(view.query).dict())  # type: ignore[arg-type]
    return tickets_sorted(tickets_found(actor, wanted), order)
