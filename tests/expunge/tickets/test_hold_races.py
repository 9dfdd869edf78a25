"""A hold and a move at the same moment: whichever comes second sees the first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, transaction

from expunge.registry.models import ScopeNode
from expunge.tickets import services
from expunge.tickets.models import LegalHold, Ticket
from expunge.tickets.states import TicketState
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People
from tests.expunge.tickets.conftest import Place
from tests.expunge.tickets.walk import release, state

S = TicketState


def _together(*calls: Callable[[], object]) -> None:
    """Run calls at the same time, each in a connection of its own."""
    start = Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        try:
            start.wait(timeout=20)
            call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        list(threads.map(run, calls))


@pytest.mark.django_db(transaction=True)
def test_placing_a_hold_and_moving_or_filing_tickets_cannot_miss_each_other(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    for _ in range(6):
        early = file_ticket(identity_confirmed=False)
        _together(
            lambda: place("subject", erika),
            lambda early=early: services.ticket_identity_confirm(  # type: ignore[misc]
                actor=cast.alice, ticket_id=early.pk
            ),
            file_ticket,
        )
        assert set(Ticket.objects.values_list("state", flat=True)) == {S.ON_HOLD}
        for hold in LegalHold.objects.filter(released_at=None):
            release(cast, hold)
        assert set(Ticket.objects.values_list("state", flat=True)) == {S.UNDER_REVIEW}


@pytest.mark.django_db(transaction=True)
def test_of_two_releases_at_once_the_last_one_resumes_the_ticket(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    ticket = file_ticket()
    for _ in range(4):
        pair = [place("subject", erika), place("dataset", erika.dataset)]
        assert state(ticket) == S.ON_HOLD
        _together(*(lambda hold=hold: release(cast, hold) for hold in pair))  # type: ignore[misc]
        assert state(ticket) == S.UNDER_REVIEW


@pytest.mark.django_db(transaction=True)
def test_a_move_waits_for_a_hold_that_is_being_placed(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    ticket = file_ticket(identity_confirmed=False)
    begun = Barrier(2)

    def confirm() -> str:
        try:
            begun.wait(timeout=20)
            given = {"actor": cast.alice, "ticket_id": ticket.pk}
            return services.ticket_identity_confirm(**given).state
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            place("subject", erika)
            moved = thread.submit(confirm)
            begun.wait(timeout=20)
            with pytest.raises(TimeoutError):
                moved.result(timeout=0.5)
        assert moved.result(timeout=20) == S.ON_HOLD
