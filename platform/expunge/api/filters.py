"""Narrowing tickets: the same filters for the list, the search, the export and bulk tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Q, QuerySet

from expunge.accounts.permissions import Actor, Permission
from expunge.jobs.selectors import tickets_stuck
from expunge.tickets.coverage import tickets_covered
from expunge.tickets.listing import TicketFilter, tickets_listed
from expunge.tickets.models import Ticket
from expunge.tickets.selectors import tickets_visible
from expunge.tickets.states import TicketState
from expunge.tickets.worklists import tickets_waiting_for

ORDERINGS: Mapping[str, tuple[str, ...]] = {
    "-received_at": ("-received_at", "-id"),
    "received_at": ("received_at", "id"),
    "due_on": ("due_on", "id"),
    "-due_on": ("-due_on", "-id"),
    "reference": ("reference", "id"),
}
"""The orders of a list; each ends in the id, so that a cursor can go on from any row."""

_CONDITIONS: Mapping[str, Callable[[Any], Q]] = {
    "state": lambda states: Q(state__in=[states] if isinstance(states, str) else list(states)),
    "outcome": lambda outcome: Q(outcome=outcome),
    "regime": lambda regime: Q(regime=regime),
    "ground": lambda ground: Q(ground=ground),
    "profile": lambda profile: Q(profile=profile),
    "reference": lambda part: Q(reference__startswith=f"EX-{part.upper().removeprefix('EX-')}"),
    "requester": lambda user_id: Q(requester_id=user_id),
    "reviewer": lambda user_id: Q(reviewer_id=user_id),
    "approver": lambda user_id: Q(approver_id=user_id),
    "due_after": lambda day: Q(due_on__gte=day),
    "due_before": lambda day: Q(due_on__lt=day),
    "received_after": lambda moment: Q(received_at__gte=moment),
    "received_before": lambda moment: Q(received_at__lt=moment),
    "held": lambda held: Q(state=TicketState.ON_HOLD) if held else ~Q(state=TicketState.ON_HOLD),
}
_LISTS: Mapping[str, Callable[[Actor], QuerySet[Ticket]]] = {
    "stuck": tickets_stuck,
    "waiting": tickets_waiting_for,
    "under_hold": lambda actor: tickets_covered(actor.controllers(Permission.TICKET_VIEW)),
}


def tickets_filtered(actor: Actor, wanted: Mapping[str, Any]) -> QuerySet[Ticket]:
    """Return the actor's tickets that meet every filter that is given and not empty.

    ``due_before`` and ``received_before`` are without that day or moment itself. ``label`` is
    exactly the label of a node in scope: personal data, so it never stands in an address.

    Raises:
        KeyError: There is no such filter.
    """
    given = {name: value for name, value in wanted.items() if value not in (None, "", [], ())}
    overdue, label = given.pop("overdue", None), given.pop("label", "")
    tickets = tickets_listed(actor, TicketFilter(search=label))
    if overdue is not None:
        tickets = tickets & tickets_visible(actor, overdue=overdue)
    for name in given.keys() & _LISTS.keys():
        among = Q(pk__in=_LISTS[name](actor).order_by().values("pk"))
        tickets = tickets.filter(among if given.pop(name) else ~among)
    for name, value in given.items():
        tickets = tickets.filter(_CONDITIONS[name](value))
    return tickets
