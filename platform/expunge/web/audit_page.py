"""Entries of the audit log as a page shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from expunge.audit.models import Leaf

SIZE = 50


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
class LogPage:
    """One page of entries and the query strings of its neighbours."""

    rows: Sequence[LogEntry]
    next: str
    previous: str


def leaves_page(leaves: QuerySet[Leaf], before: str | None) -> LogPage:
    """Return a page of entries below the place ``before``, newest first."""
    place = int(before) if before and before.isascii() and before.isdigit() else None
    if place is not None:
        leaves = leaves.filter(seq__lt=place)
    found = list(leaves.order_by("-seq")[: SIZE + 1])
    shown = [entry_of(leaf) for leaf in found[:SIZE]]
    older = f"before={shown[-1].leaf.seq}" if len(found) > SIZE else ""
    return LogPage(shown, older, "newest" if place is not None else "")


def entry_of(leaf: Leaf) -> LogEntry:
    """Read an entry's bytes; what is not readable shows as nothing and fails the log's check."""
    try:
        said = json.loads(bytes(leaf.data))
        return LogEntry(leaf, said.get("subject", {}), said.get("data", {}))
    except (ValueError, AttributeError):
        return LogEntry(leaf, {}, {})
