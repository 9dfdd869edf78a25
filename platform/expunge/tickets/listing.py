"""The list of tickets: which ones, in which order, and where a page begins.

A page is found by the values of its last row and never by a number, and the filters and orders
are those an index serves, so that the list of an organisation with 200,000 tickets opens at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from expunge.accounts.models import Membership, User
from expunge.accounts.permissions import ROLE_PERMISSIONS, Actor, Permission
from expunge.common.clock import now
from expunge.common.parse import optional_uuid
from expunge.registry.models import ScopeNode
from expunge.registry.tree import label_index
from expunge.tickets.intake import REFERENCE_ALPHABET
from expunge.tickets.models import Ticket, TicketScope
from expunge.tickets.regimes import regimes
from expunge.tickets.selectors import tickets_visible
from expunge.tickets.states import TERMINAL, TicketState
from expunge.tickets.worklists import tickets_waiting_for

S = TicketState
OPEN = tuple(state for state in TicketState if state not in TERMINAL)
GROUPS: Mapping[str, Sequence[TicketState]] = {
    "open": OPEN,
    "people": (S.RECEIVED, S.IDENTITY_PENDING, S.UNDER_REVIEW, S.AWAITING_APPROVAL),
    "work": (S.APPROVED, S.IN_PROGRESS, S.VERIFIED, S.CERTIFIED),
    "failed": (S.VERIFICATION_FAILED, S.CONTAINED),
    "hold": (S.ON_HOLD,),
    "ended": tuple(TERMINAL),
}
"""Groups of states, as people ask for them."""
WINDOWS: Mapping[str, timedelta] = {"week": timedelta(days=7), "month": timedelta(days=30)}
MOST_NAMED = 1000
REFERENCE_LEAST = 3


class Order(StrEnum):
    """How the list is sorted; a leading dash is falling."""

    RECEIVED = "received"
    RECEIVED_FALLING = "-received"
    DUE = "due"
    DUE_FALLING = "-due"
    REFERENCE = "reference"
    REFERENCE_FALLING = "-reference"
    STATE = "state"
    STATE_FALLING = "-state"

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the columns, the last of which tells every two tickets apart."""
        return COLUMNS[self.removeprefix("-")]

    @property
    def falling(self) -> bool:
        """Say whether the largest comes first."""
        return self.startswith("-")


COLUMNS: Mapping[str, tuple[str, ...]] = {
    "received": ("received_at", "pk"),
    "due": ("due_on", "pk"),
    "reference": ("reference",),
    "state": ("state", "due_on", "pk"),
}


@dataclass(frozen=True)
class TicketFilter:
    """Which tickets are asked for; an empty value asks for any.

    ``states`` is a group or a state, ``due`` is ``overdue`` or one of :data:`WINDOWS`,
    ``waiting`` are those whose next step is the reader's, ``search`` is the beginning of a
    reference or exactly a name in scope. ``stuck`` is judged by the jobs, above this room.
    """

    states: str = ""
    regime: str = ""
    due: str = ""
    waiting: bool = False
    stuck: bool = False
    requester: UUID | None = None
    search: str = ""

    @property
    def without_search(self) -> TicketFilter:
        """Return the part that may be kept and shown in an address."""
        return replace(self, search="")


def codes_of(wanted: TicketFilter, order: Order) -> dict[str, str]:
    """Return filter and order as codes, for an address or a saved view; the search is not kept."""
    values = {
        "state": wanted.states,
        "regime": wanted.regime,
        "due": wanted.due,
        "mine": "1" if wanted.waiting else "",
        "stuck": "1" if wanted.stuck else "",
        "by": str(wanted.requester or ""),
        "sort": "" if order is Order.RECEIVED_FALLING else str(order),
    }
    return {name: value for name, value in values.items() if value}


def filter_of(codes: Mapping[str, str]) -> tuple[TicketFilter, Order]:
    """Return what the codes ask for; what is not known reads as "any"."""
    wanted = TicketFilter(
        states=_one_of(codes.get("state"), {*GROUPS, *TicketState}),
        regime=_one_of(codes.get("regime"), regimes()),
        due=_one_of(codes.get("due"), {"overdue", *WINDOWS}),
        waiting=codes.get("mine") == "1",
        stuck=codes.get("stuck") == "1",
        requester=optional_uuid(codes.get("by")),
    )
    return wanted, Order(_one_of(codes.get("sort"), set(Order)) or Order.RECEIVED_FALLING)


def tickets_listed(actor: Actor, wanted: TicketFilter) -> QuerySet[Ticket]:
    """Return the tickets that fit, in no order yet."""
    found = tickets_waiting_for(actor) if wanted.waiting else tickets_visible(actor)
    if wanted.due == "overdue":
        found = found & tickets_visible(actor, overdue=True)
    elif wanted.due in WINDOWS:
        found = found.filter(state__in=OPEN, due_on__lte=now().date() + WINDOWS[wanted.due])
    if wanted.states in GROUPS:
        found = found.filter(state__in=GROUPS[wanted.states])
    elif wanted.states:
        found = found.filter(state=wanted.states)
    if wanted.regime:
        found = found.filter(regime=wanted.regime)
    if wanted.requester:
        found = found.filter(requester_id=wanted.requester)
    if wanted.search.strip():
        found = found.filter(_searched(actor, wanted.search.strip()))
    return found


def tickets_sorted(
    found: QuerySet[Ticket], order: Order, after: Sequence[Any] = ()
) -> QuerySet[Ticket]:
    """Sort, and begin behind the row with the values ``after``, one for every column."""
    keys = order.keys
    if len(after) == len(keys):
        found = found.filter(_behind(keys, after, falling=order.falling))
    dash = "-" if order.falling else ""
    return found.order_by(*(f"{dash}{key}" for key in keys))


def ticket_by_reference(actor: Actor, reference: str) -> UUID | None:
    """Return the id of the ticket with exactly this reference, if the actor sees it."""
    found = tickets_visible(actor).filter(reference=reference).values_list("pk", flat=True)
    return found.first()


def requesters_of(actor: Actor) -> QuerySet[User]:
    """Return the people who may file tickets where the actor sees them."""
    roles = [role for role, held in ROLE_PERMISSIONS.items() if Permission.TICKET_FILE in held]
    filing = Membership.objects.filter(
        controller_id__in=actor.controllers(Permission.TICKET_VIEW), role__in=roles
    )
    return User.objects.filter(pk__in=filing.values("user")).order_by("name")


def _one_of(value: str | None, known: Any) -> str:
    return value if value in known else ""  # type: ignore[return-value]


def _behind(keys: Sequence[str], values: Sequence[Any], *, falling: bool) -> Q:
    """Return the condition "later in this order", led by a plain range for the index."""
    beyond = "lt" if falling else "gt"
    later = Q(pk__in=[])
    for place, (key, value) in enumerate(zip(keys, values, strict=True)):
        same = dict(zip(keys[:place], values[:place], strict=True))
        later |= Q(**same, **{f"{key}__{beyond}": value})
    return Q(**{f"{keys[0]}__{beyond}e": values[0]}) & later


def _searched(actor: Actor, search: str) -> Q:
    named = Q(pk__in=_named(actor, search))
    letters = search.upper().removeprefix("EX-")
    looks_right = len(letters) >= REFERENCE_LEAST and set(letters) <= {*REFERENCE_ALPHABET, "-"}
    return named | Q(reference__startswith=f"EX-{letters}") if looks_right else named


def _named(actor: Actor, search: str) -> list[UUID]:
    """Return the tickets that name a node with exactly this label; found first, for speed."""
    controllers = actor.controllers(Permission.TICKET_VIEW)
    nodes = ScopeNode.objects.filter(
        dataset__controller_id__in=controllers,
        label_index__in=[label_index(search, controller) for controller in controllers],
    )
    scopes = TicketScope.objects.filter(node__in=nodes[:MOST_NAMED].values("pk"))
    return list(scopes.values_list("ticket_id", flat=True).distinct()[:MOST_NAMED])
