"""The filter of the ticket list as it stands in an address, and in a search that does not.

A name that somebody looks for never stands in an address: it waits, encrypted, in the session,
and the address carries a random number for it.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.http import urlencode

from expunge.accounts.permissions import Actor
from expunge.common.crypto import DecryptionError, decrypt, encrypt
from expunge.jobs.selectors import tickets_stuck
from expunge.tickets.listing import (
    GROUPS,
    WINDOWS,
    Order,
    TicketFilter,
    tickets_listed,
    tickets_sorted,
)
from expunge.tickets.models import Ticket
from expunge.tickets.regimes import regimes
from expunge.tickets.states import TicketState
from expunge.web.parse import optional_day, optional_moment, optional_uuid

SEARCHES = "ticket-searches"
MOST_SEARCHES = 5
SIZE = 25
MOST_COUNTED = 10_000
PLACE = "after"


@dataclass(frozen=True)
class Listing:
    """What is asked for and in which order; ``found`` is the number of a search, if any."""

    wanted: TicketFilter
    order: Order
    found: str = ""

    @property
    def query(self) -> str:
        """Return the address's query without a place: filter, order, and the search's number."""
        named = {"found": self.found} if self.wanted.search else {}
        return urlencode({**self._codes, **named})

    @property
    def saved_query(self) -> str:
        """Return what a saved view keeps: everything but the search."""
        return urlencode(self._codes)

    @property
    def narrowed(self) -> bool:
        """Say whether anything is filtered."""
        return self.wanted != TicketFilter()

    @property
    def _codes(self) -> Mapping[str, str]:
        wanted = self.wanted
        values = {
            "state": wanted.states,
            "regime": wanted.regime,
            "due": wanted.due,
            "mine": "1" if wanted.waiting else "",
            "stuck": "1" if wanted.stuck else "",
            "by": str(wanted.requester or ""),
            "sort": "" if self.order is Order.RECEIVED_FALLING else str(self.order),
        }
        return {name: value for name, value in values.items() if value}

    def tickets(self, actor: Actor) -> QuerySet[Ticket]:
        """Return the tickets that fit, in no order yet."""
        found = tickets_listed(actor, self.wanted)
        if self.wanted.stuck:
            found = found.filter(pk__in=tickets_stuck(actor).values("pk"))
        return found


@dataclass(frozen=True)
class TicketPage:
    """One page of the list: its rows, how many fit in all, and the way to the next page."""

    rows: Sequence[Ticket]
    total: int
    next: str = ""
    first: str = ""

    @property
    def more_than_counted(self) -> bool:
        """Say whether there are more than were counted."""
        return self.total > MOST_COUNTED


def read_listing(request: HttpRequest, values: QueryDict | None = None) -> Listing:
    """Read filter and order from an address; what is not known reads as "any"."""
    given = request.GET if values is None else values
    number = given.get("found", "")
    states = {*GROUPS, *TicketState}
    wanted = TicketFilter(
        states=_one_of(given.get("state"), states),
        regime=_one_of(given.get("regime"), regimes()),
        due=_one_of(given.get("due") or ("overdue" if given.get("overdue") else ""), _DUE),
        waiting=given.get("mine") == "1",
        stuck=given.get("stuck") == "1",
        requester=optional_uuid(given.get("by")),
        search=_recall(request, number),
    )
    order = _one_of(given.get("sort"), set(Order)) or Order.RECEIVED_FALLING
    return Listing(wanted, Order(order), number)


def page_of(request: HttpRequest, actor: Actor, listing: Listing) -> TicketPage:
    """Return the page behind the place in the address."""
    fitting = listing.tickets(actor)
    after = _place(listing.order, request.GET.getlist(PLACE))
    rows = list(tickets_sorted(fitting, listing.order, after)[: SIZE + 1])
    shown = rows[:SIZE]
    following = ""
    if len(rows) > SIZE:
        place = [(PLACE, _written(shown[-1], key)) for key in listing.order.keys]
        following = "&".join(filter(None, [listing.query, urlencode(place)]))
    total = fitting.order_by()[: MOST_COUNTED + 1].count()
    return TicketPage(shown, total, following, (listing.query or "sort=") if after else "")


def remember(request: HttpRequest, search: str) -> str:
    """Keep a search in the session and return its number."""
    number = secrets.token_urlsafe(6)
    kept = dict(request.session.get(SEARCHES, {}))
    kept[number] = base64.b64encode(encrypt(search.encode(), context=SEARCHES)).decode()
    request.session[SEARCHES] = dict(list(kept.items())[-MOST_SEARCHES:])
    return number


_DUE = {"overdue", *WINDOWS}


def _recall(request: HttpRequest, number: str) -> str:
    kept = request.session.get(SEARCHES, {}).get(number)
    try:
        return decrypt(base64.b64decode(kept), context=SEARCHES).decode() if kept else ""
    except DecryptionError:
        return ""


def _one_of(value: str | None, known: Any) -> str:
    return value if value in known else ""  # type: ignore[return-value]


def _place(order: Order, values: Sequence[str]) -> tuple[Any, ...]:
    if len(values) != len(order.keys):
        return ()
    read = {"received_at": optional_moment, "due_on": optional_day, "pk": optional_uuid}
    found = tuple(read.get(key, str)(value) for key, value in zip(order.keys, values, strict=True))
    return () if None in found else found


def _written(ticket: Ticket, key: str) -> str:
    value = getattr(ticket, key)
    return str(value) if isinstance(value, UUID | str) else str(value.isoformat())
