"""A deadline is stored once, extended once and in time, and seen when it has passed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from expunge.common import clock
from expunge.tickets import services
from expunge.tickets.selectors import (
    is_overdue,
    ticket_history,
    tickets_visible,
)
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People, leaves
from tests.expunge.tickets.walk import code_of, failed

Freeze = Callable[[datetime], None]


@pytest.fixture
def freeze(monkeypatch: pytest.MonkeyPatch) -> Freeze:
    """Set what time it is."""

    def at(moment: datetime) -> None:
        monkeypatch.setattr(clock.timezone, "now", lambda: moment)

    return at


def test_an_extension_keeps_rule_reason_and_inputs(
    cast: People, file_ticket: FileTicket, freeze: Freeze
) -> None:
    freeze(datetime(2026, 11, 30, 9, tzinfo=UTC))
    ticket = file_ticket()
    assert ticket.due_on == date(2026, 12, 30)
    who = {"actor": cast.alice, "ticket_id": ticket.pk}
    freeze(datetime(2026, 12, 20, 9, tzinfo=UTC))
    ticket = services.ticket_extend(**who, reason="complexity", text="Nine models are involved.")
    assert ticket.due_on == date(2027, 3, 1)
    assert ticket.clock["extension"]["on"] == "2026-12-20"
    assert ticket.clock["first_due"] == "2026-12-30"
    assert leaves("ticket.extended")[-1]["data"] == {"reason": "complexity", "due_on": "2027-03-01"}
    again = code_of(services.ticket_extend, **who, reason="number", text="More")
    assert again == "already_extended"
    assert "Nine models are involved." in [
        entry.text for entry in ticket_history(cast.alice, ticket)
    ]


def test_an_extension_comes_inside_the_first_period_or_never(
    cast: People, file_ticket: FileTicket, freeze: Freeze
) -> None:
    freeze(datetime(2026, 3, 5, 9, tzinfo=UTC))
    ticket = file_ticket()
    who = {"actor": cast.alice, "ticket_id": ticket.pk, "reason": "number", "text": "Many"}
    freeze(datetime(2026, 4, 7, 22, 30, tzinfo=UTC))  # already the 8th in Berlin
    assert code_of(services.ticket_extend, **who) == "extension_too_late"
    freeze(datetime(2026, 4, 7, 21, 30, tzinfo=UTC))
    assert services.ticket_extend(**who).due_on == date(2026, 6, 5)


def test_overdue_counts_waiting_and_failed_tickets_but_not_ended_ones(
    cast: People, file_ticket: FileTicket, freeze: Freeze
) -> None:
    freeze(datetime(2026, 3, 5, 9, tzinfo=UTC))
    waiting = file_ticket(identity_confirmed=False)
    broken = failed(cast, file_ticket())
    ended = services.ticket_withdraw(
        actor=cast.carol, ticket_id=file_ticket().pk, reason="by_person"
    )
    assert not tickets_visible(cast.alice, overdue=True).exists()
    freeze(datetime(2026, 4, 7, 22, 30, tzinfo=UTC))
    assert set(tickets_visible(cast.alice, overdue=True)) == {waiting, broken}
    assert list(tickets_visible(cast.alice, overdue=False)) == [ended]
    assert is_overdue(waiting) and is_overdue(broken) and not is_overdue(ended)
