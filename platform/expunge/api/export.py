"""The list of tickets as lines of text, row by row from a cursor in the database."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import QuerySet
from rest_framework.renderers import JSONRenderer

from expunge.tickets.models import Ticket
from expunge.tickets.selectors import is_overdue

COLUMNS = (
    "id",
    "reference",
    "state",
    "outcome",
    "regime",
    "ground",
    "profile",
    "received_at",
    "due_on",
    "overdue",
    "requester",
    "reviewer",
    "approver",
    "ended_at",
)
PEOPLE = ("requester", "reviewer", "approver")
CHUNK = 1000
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a cell begins that a spreadsheet runs instead of showing."""


def csv_lines(tickets: QuerySet[Ticket]) -> Iterator[str]:
    """Yield a heading and one line for each ticket, oldest receipt first."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for row in _with_heading(tickets):
        writer.writerow([inert(value) for value in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def json_lines(tickets: QuerySet[Ticket]) -> Iterator[str]:
    """Yield one JSON object for each ticket, oldest receipt first."""
    for row in _rows(tickets):
        yield JSONRenderer().render(row).decode() + "\n"


def inert(value: Any) -> str:
    """Return a cell as text that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _with_heading(tickets: QuerySet[Ticket]) -> Iterator[list[Any]]:
    yield list(COLUMNS)
    for row in _rows(tickets):
        yield [_cell(row[name]) for name in COLUMNS]


def _rows(tickets: QuerySet[Ticket]) -> Iterator[Mapping[str, Any]]:
    for ticket in tickets.order_by("received_at", "pk").iterator(chunk_size=CHUNK):
        row = {name: getattr(ticket, name) for name in COLUMNS if name != "overdue"}
        names = {who: row[who].name if row[who] else "" for who in PEOPLE}
        yield {**row, **names, "overdue": is_overdue(ticket)}


def _cell(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
