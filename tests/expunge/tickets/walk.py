"""Leading a ticket to where a test needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from expunge.common.errors import (
    DomainError,
)
from expunge.tickets import holds, services
from expunge.tickets.models import LegalHold, Ticket
from expunge.tickets.payload import shred
from expunge.tickets.states import TERMINAL, TicketState
from expunge.tickets.transitions import ticket_move
from tests.expunge.factories import SYSTEM, People

S = TicketState


def put(ticket: Ticket, state: TicketState, held_from: str = "", outcome: str = "") -> Ticket:
    """Set a ticket into a state without any move, past every guard, the database's too."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        columns = {"state": state, "held_from": held_from, "outcome": outcome}
        Ticket.objects.filter(pk=ticket.pk).update(**columns)
        cursor.execute("SET LOCAL session_replication_role = origin")
    if state in TERMINAL:
        shred(ticket)
    ticket.refresh_from_db()
    return ticket


def submitted(cast: People, ticket: Ticket) -> Ticket:
    return services.ticket_submit(actor=cast.alice, ticket_id=ticket.pk, reason="No exemption")


def approved(cast: People, ticket: Ticket) -> Ticket:
    submitted(cast, ticket)
    return services.ticket_approve(actor=cast.bob, ticket_id=ticket.pk, reason="Agreed")


def failed(cast: People, ticket: Ticket) -> Ticket:
    ticket = approved(cast, ticket)
    for target in (S.IN_PROGRESS, S.VERIFICATION_FAILED):
        ticket_move(ticket=ticket, target=target, actor=SYSTEM)
    return ticket


def certified(cast: People, ticket: Ticket) -> Ticket:
    ticket = approved(cast, ticket)
    for target in (S.IN_PROGRESS, S.VERIFIED, S.CERTIFIED, S.CLOSED):
        ticket_move(ticket=ticket, target=target, actor=SYSTEM)
    return ticket


def code_of(call: Callable[..., object], **given: Any) -> str:
    with pytest.raises(DomainError) as error:
        call(**given)
    return error.value.code


def release(cast: People, hold: LegalHold) -> LegalHold:
    return holds.hold_release(
        actor=cast.alice, hold_id=hold.pk, reason="matter_closed", text="Judgment is final"
    )


def state(ticket: Ticket) -> str:
    ticket.refresh_from_db()
    return ticket.state
