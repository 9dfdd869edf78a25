"""Leading a ticket to where a test needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from expunge.common.errors import (
    DomainError,
)
from expunge.tickets import services
from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move
from tests.expunge.factories import SYSTEM, People

S = TicketState


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


def code_of(call: Callable[..., object], **given: Any) -> str:
    with pytest.raises(DomainError) as error:
        call(**given)
    return error.value.code
