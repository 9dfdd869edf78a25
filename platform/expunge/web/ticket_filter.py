"""The filter of the ticket list as it stands in an address, and in a search that does not.

A name that somebody looks for never stands in an address: it waits, encrypted, in the session,
and the address carries a random number for it.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.http import HttpRequest, QueryDict
from django.utils.http import urlencode

from expunge.accounts.permissions import Actor
from expunge.common.crypto import DecryptionError, decrypt, encrypt
from expunge.common.parse import optional_day, optional_moment, optional_uuid
from expunge.desk.listing import tickets_found
from expunge.tickets.listing import Order, TicketFilter, codes_of, filter_of, tickets_sorted
from expunge.tickets.models import Ticket

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
        return urlencode({**codes_of(self.wanted, self.order), **named})

    @property
    def saved_query(self) -> str:
        """Return what a saved view keeps: everything but the search."""
        return urlencode(codes_of(self.wanted, self.order))

    @property
    def narrowed(self) -> bool:
        """Say whether anything is filtered."""
        return self.wanted != TicketFilter()


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
    codes = {str(name): str(value) for name, value in given.items()}
    due = codes.get("due") or ("overdue" if given.get("overdue") else "")
    wanted, order = filter_of({**codes, "due": due})
    return Listing(replace(wanted, search=_recall(request, number)), order, number)


def page_of(request: HttpRequest, actor: Actor, listing: Listing) -> TicketPage:
    """Return the page behind the place in the address."""
    fitting = tickets_found(actor, listing.wanted)
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


def _recall(request: HttpRequest, number: str) -> str:
    kept = request.session.get(SEARCHES, {}).get(number)
    try:
        return decrypt(base64.b64decode(kept), context=SEARCHES).decode() if kept else ""
    except DecryptionError:
        return ""


def _place(order: Order, values: Sequence[str]) -> tuple[Any, ...]:
    if len(values) != len(order.keys):
        return ()
    read = {"received_at": optional_moment, "due_on": optional_day, "pk": optional_uuid}
    found = tuple(read.get(key, str)(value) for key, value in zip(order.keys, values, strict=True))
    return () if None in found else found


def _written(ticket: Ticket, key: str) -> str:
    value = getattr(ticket, key)
    return str(value) if isinstance(value, UUID | str) else str(value.isoformat())
