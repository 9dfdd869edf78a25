"""The clock of a ticket as a card: when it is due, by which rule, and what moved it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from expunge.tickets.models import Ticket
from expunge.tickets.rules import today_at
from expunge.tickets.states import TERMINAL


@dataclass(frozen=True)
class Pause:
    """A time in which the clock stood still; ``until`` is empty while it does."""

    since: date
    until: date | None
    reason: str
    citation: str


@dataclass(frozen=True)
class ClockCard:
    """What the card says. ``extendable_until`` is empty when an extension is out of reach."""

    due: date
    days_left: int
    running: bool
    paused_since: date | None
    received_on: date
    passed: int
    whole: int
    extendable_until: date | None
    extended_on: date | None
    extension_reason: str
    pauses: Sequence[Pause]
    acknowledge_by: date | None

    @property
    def acknowledge_soon(self) -> bool:
        """Say whether the receipt is still to be acknowledged."""
        return self.running and self.acknowledge_by is not None and self.passed <= self.whole


def clock_card(ticket: Ticket) -> ClockCard:
    """Read the stored clock of a ticket."""
    clock, today = ticket.clock, today_at(ticket)
    received_on = date.fromisoformat(clock["received_on"])
    extension = clock.get("extension") or {}
    first_due = date.fromisoformat(clock["first_due"])
    running = ticket.state not in TERMINAL
    extendable = running and not extension and today <= first_due
    whole = max((ticket.due_on - received_on).days, 1)
    return ClockCard(
        due=ticket.due_on,
        days_left=(ticket.due_on - today).days,
        running=running,
        paused_since=ticket.paused_since if running else None,
        received_on=received_on,
        passed=min(max((today - received_on).days, 0), whole),
        whole=whole,
        extendable_until=first_due if extendable else None,
        extended_on=_day(extension.get("on")),
        extension_reason=extension.get("reason", ""),
        pauses=[_pause(item) for item in clock.get("pauses", ())],
        acknowledge_by=_day(clock.get("acknowledge_by")),
    )


def _pause(item: dict[str, str | None]) -> Pause:
    return Pause(
        since=date.fromisoformat(str(item["from"])),
        until=_day(item.get("to")),
        reason=str(item.get("reason") or ""),
        citation=str(item.get("citation") or ""),
    )


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None
