"""Requests whose person never shows up: reminded first, then ended, never the other way round."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from expunge.common import clock
from expunge.notices.models import Notice
from expunge.subjects import expiry
from expunge.subjects.models import IdentityReminder
from expunge.subjects.tasks import subjects_sweep
from expunge.tickets.models import Ticket, TicketKey
from expunge.tickets.states import TicketState
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import leaves

Unshown = Callable[..., Ticket]


@pytest.fixture
def days_pass(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    start = clock.now()

    def travel(days: int) -> None:
        moment: datetime = start + timedelta(days=days, minutes=1)
        monkeypatch.setattr("django.utils.timezone.now", lambda: moment)

    return travel


def test_a_person_is_reminded_and_then_the_ticket_ends(
    unshown: Unshown, days_pass: Callable[[int], None]
) -> None:
    ticket = unshown()
    days_pass(20)
    subjects_sweep()
    assert not IdentityReminder.objects.exists()
    days_pass(24)
    subjects_sweep()
    subjects_sweep()
    assert IdentityReminder.objects.count() == 1
    assert Notice.objects.filter(kind="identity_reminder").count() == 1
    days_pass(30)
    subjects_sweep()
    ticket.refresh_from_db()
    assert ticket.state == TicketState.IDENTITY_PENDING
    days_pass(33)
    subjects_sweep()
    ticket.refresh_from_db()
    assert ticket.state == TicketState.EXPIRED and not TicketKey.objects.exists()
    assert Notice.objects.filter(kind="expiry").count() == 1
    assert len(leaves("identity.reminded")) == 1


def test_nobody_ends_without_a_reminder_even_after_a_long_silence(
    unshown: Unshown, days_pass: Callable[[int], None]
) -> None:
    ticket = unshown()
    days_pass(90)
    subjects_sweep()
    subjects_sweep()
    ticket.refresh_from_db()
    assert ticket.state == TicketState.IDENTITY_PENDING
    days_pass(96)
    subjects_sweep()
    ticket.refresh_from_db()
    assert ticket.state == TicketState.IDENTITY_PENDING
    days_pass(98)
    subjects_sweep()
    ticket.refresh_from_db()
    assert ticket.state == TicketState.EXPIRED


def test_a_shown_identity_is_left_alone(
    file_ticket: FileTicket, days_pass: Callable[[int], None]
) -> None:
    ticket = file_ticket()
    days_pass(90)
    subjects_sweep()
    expiry.identity_look(ticket_id=ticket.pk)
    ticket.refresh_from_db()
    assert ticket.state == TicketState.UNDER_REVIEW and not IdentityReminder.objects.exists()
