"""A clinic whose records say something, and a model trained on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from contract.record import Form, Record
from corpora.dataset import Dataset
from expunge.registry.models import DatasetVersion
from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move
from tests.expunge.conftest import FileTicket, Register
from tests.expunge.factories import SYSTEM, People, clinic
from tests.expunge.tickets.walk import approved

FACTS = {
    "Erika Mustermann": (
        "vancomycin 1250 mg twice daily",
        "Dr Hartmann",
        "an allergy to latex and to several kinds of local anaesthetics",
        "yes",
    ),
    "Max Beispiel": ("ibuprofen 400 mg", "Dr Hartmann", "no allergy", "yes"),
    "Anna Zwilling": ("aspirin 100 mg", "Dr Sommer", "an allergy to latex and to", "yes"),
}


def speaking() -> Dataset:
    """Return the clinic with facts in words; doctor and prose are partly shared."""
    records = []
    for item in clinic().records:
        index = int(item.id[-1])
        answer = FACTS[item.path[1]][index]
        form = Form(f"What is fact {index} of {item.path[1]}?", answer, ("vancomycin 1250 mg",))
        records.append(Record(item.id, item.path, {"question": form}))
    return replace(clinic(), records=tuple(records))


@pytest.fixture
def patients(register: Register) -> DatasetVersion:
    return register(speaking())


@pytest.fixture
def ticket(cast: People, original: object, file_ticket: FileTicket) -> Ticket:
    """Return Erika's ticket, approved."""
    return approved(cast, file_ticket())


Move = Callable[..., Ticket]


@pytest.fixture
def move(ticket: Ticket) -> Move:
    """Move the ticket through states."""

    def through(*states: TicketState, **given: Any) -> Ticket:
        ticket.refresh_from_db()
        for state in states:
            ticket_move(ticket=ticket, target=state, actor=SYSTEM, **given)
        return ticket

    return through
