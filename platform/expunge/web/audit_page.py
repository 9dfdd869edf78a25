"""Entries of the audit log as a page shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.http import urlencode

from expunge.accounts.permissions import Actor
from expunge.audit.actions import AuditAction
from expunge.audit.models import Leaf
from expunge.common.parse import optional_day
from expunge.tickets.listing import ticket_by_reference

SIZE = 50
LARGEST = 2**63 - 1


@dataclass(frozen=True)
class LogEntry:
    """An entry: its place and columns, and what it says beyond them."""

    leaf: Leaf
    subject: Mapping[str, str]
    data: Mapping[str, Any]

    @property
    def gist(self) -> str:
        """Return the short values of the data, for a line of a table."""
        short = (
            f"{name} {value}"
            for name, value in self.data.items()
            if isinstance(value, str | int | float) and value != "" and len(str(value)) <= SHORT
        )
        return ", ".join(short)


SHORT = 40


@dataclass(frozen=True)
class LogFilter:
    """Which entries are asked for; an empty value asks for any."""

    action: str = ""
    reference: str = ""
    since: date | None = None
    until: date | None = None

    @property
    def query(self) -> str:
        """Return the address's query."""
        values = {
            "action": self.action,
            "ticket": self.reference,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }
        return urlencode({name: value for name, value in values.items() if value})


@dataclass(frozen=True)
class LogPage:
    """One page of entries and the query strings of its neighbours."""

    rows: Sequence[LogEntry]
    next: str
    previous: str


def read_filter(values: QueryDict) -> LogFilter:
    """Read a filter from an address; what is not known reads as "any"."""
    action = values.get("action", "")
    return LogFilter(
        action=action if action in set(AuditAction) else "",
        reference=values.get("ticket", "").strip().upper(),
        since=optional_day(values.get("since")),
        until=optional_day(values.get("until")),
    )


def leaves_filtered(actor: Actor, leaves: QuerySet[Leaf], wanted: LogFilter) -> QuerySet[Leaf]:
    """Return the entries that fit; days are days where the reader is."""
    if wanted.action:
        leaves = leaves.filter(action=wanted.action)
    if wanted.reference:
        leaves = leaves.filter(ticket_id=ticket_by_reference(actor, wanted.reference))
    if wanted.since:
        leaves = leaves.filter(occurred_at__gte=_midnight(wanted.since))
    if wanted.until:
        leaves = leaves.filter(occurred_at__lt=_midnight(wanted.until + timedelta(days=1)))
    return leaves


def leaves_page(leaves: QuerySet[Leaf], before: str | None, query: str) -> LogPage:
    """Return a page of entries below the place ``before``, newest first."""
    place = int(before) if before and before.isascii() and before.isdigit() else None
    if place is not None:
        leaves = leaves.filter(seq__lt=min(place, LARGEST))
    found = list(leaves.order_by("-seq")[: SIZE + 1])
    shown = [entry_of(leaf) for leaf in found[:SIZE]]
    older = urlencode({"before": shown[-1].leaf.seq}) if len(found) > SIZE else ""
    following = "&".join(filter(None, [query, older])) if older else ""
    return LogPage(shown, following, (query or "newest") if place is not None else "")


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def entry_of(leaf: Leaf) -> LogEntry:
    """Read an entry's bytes; what is not readable shows as nothing and fails the log's check."""
    try:
        said = json.loads(bytes(leaf.data))
        return LogEntry(leaf, said.get("subject", {}), said.get("data", {}))
    except (ValueError, AttributeError):
        return LogEntry(leaf, {}, {})
