"""The list as a file: comma-separated, row by row, safe to open in a spreadsheet, and nameless.

It carries no name of a data subject, whoever asks: a file on somebody's disk outlives every
shredding.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

from django.db import transaction

from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.tickets.models import Ticket
from expunge.tickets.selectors import is_overdue

CHUNK = 2000
HEAD = (
    "reference",
    "organisation",
    "state",
    "outcome",
    "law",
    "ground",
    "received",
    "due",
    "overdue",
    "extended",
    "ended",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Line:
    """A file that hands back what is written: one line at a time."""

    def write(self, text: str) -> str:
        return text


@transaction.atomic
def export_record(*, actor: Actor, query: str) -> None:
    """Leave a trace of an export in the log of every organisation whose tickets are in it."""
    for controller in sorted(actor.controllers(Permission.TICKET_VIEW)):
        audit_record(
            action=AuditAction.TICKETS_EXPORTED,
            actor=actor.pseudonym,
            controller_id=controller,
            subject={},
            data={"filter": query},
        )


def export_lines(tickets: Iterable[Ticket]) -> Iterator[str]:
    """Yield the lines of the file; the byte order mark tells spreadsheets that it is UTF-8."""
    writer = csv.writer(_Line())
    yield "\ufeff"
    yield str(writer.writerow(HEAD))
    for ticket in tickets:
        yield str(writer.writerow([_safe(value) for value in _row(ticket)]))


def _row(ticket: Ticket) -> Sequence[str]:
    return (
        ticket.reference,
        ticket.controller.name,
        ticket.state,
        ticket.outcome,
        ticket.regime,
        ticket.ground,
        ticket.clock["received_on"],
        ticket.due_on.isoformat(),
        "yes" if is_overdue(ticket) else "no",
        "yes" if ticket.clock.get("extension") else "no",
        ticket.ended_at.date().isoformat() if ticket.ended_at else "",
    )


def _safe(value: str) -> str:
    """Keep a spreadsheet from reading a value as a formula."""
    return f"'{value}" if value.startswith(FORMULA) else value
