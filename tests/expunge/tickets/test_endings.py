"""Every end is an honest one, and takes what the person wrote with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from expunge.registry.models import ModelVersion, ScopeNode
from expunge.registry.selectors import scope_search
from expunge.tickets import services
from expunge.tickets.models import Ticket, TicketKey
from expunge.tickets.selectors import (
    ticket_get,
    ticket_history,
    ticket_payload,
)
from expunge.tickets.states import TERMINAL, TicketState
from expunge.tickets.transitions import ticket_move
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import SYSTEM, People, all_leaves, leaves
from tests.expunge.tickets.walk import approved, certified, code_of, failed, put

S = TicketState
REFUSED = {"reason": "legal_claims", "text": "A lawsuit is pending."}


def end_rejected(cast: People, ticket: Ticket) -> None:
    services.ticket_reject(actor=cast.alice, ticket_id=ticket.pk, **REFUSED)


def end_withdrawn(cast: People, ticket: Ticket) -> None:
    services.ticket_withdraw(
        actor=cast.carol, ticket_id=ticket.pk, reason="by_person", text="Erika called"
    )


def end_unverified(cast: People, ticket: Ticket) -> None:
    services.ticket_close_unverified(
        actor=cast.alice, ticket_id=failed(cast, ticket).pk, reason="model_retired", text="Gone"
    )


def end_certified(cast: People, ticket: Ticket) -> None:
    certified(cast, ticket)


def end_nothing_held(cast: People, ticket: Ticket) -> None:
    services.ticket_close_nothing_held(actor=SYSTEM, ticket_id=approved(cast, ticket).pk)


def end_expired(cast: People, ticket: Ticket) -> None:
    ticket_move(ticket=put(ticket, S.IDENTITY_PENDING), target=S.EXPIRED, actor=SYSTEM)


ENDINGS = [
    (end_rejected, S.REJECTED, ""),
    (end_withdrawn, S.WITHDRAWN, ""),
    (end_expired, S.EXPIRED, ""),
    (end_unverified, S.CLOSED, "not_verified"),
    (end_certified, S.CLOSED, "certified"),
    (end_nothing_held, S.CLOSED, "nothing_held"),
]


@pytest.mark.parametrize(("end", "state", "outcome"), ENDINGS)
def test_every_end_shreds_what_the_person_wrote(
    cast: People,
    file_ticket: FileTicket,
    end: Callable[[People, Ticket], None],
    state: TicketState,
    outcome: str,
) -> None:
    ticket = file_ticket()
    end(cast, ticket)
    ticket = ticket_get(cast.alice, ticket.pk)
    assert (ticket.state, ticket.outcome) == (state, outcome)
    assert ticket.state in TERMINAL and ticket.ended_at is not None
    assert not TicketKey.objects.filter(ticket=ticket).exists()
    assert bytes(ticket.payload) == b"" and ticket_payload(cast.alice, ticket) is None
    history = ticket_history(cast.alice, ticket)
    assert len(history) > 2 and not any(entry.text for entry in history)
    assert [leaf["subject"] for leaf in leaves("ticket.shredded")] == [{"ticket": str(ticket.pk)}]
    assert b"Erika" not in all_leaves()


def test_all_terminal_states_are_covered_above() -> None:
    assert {state for _, state, _ in ENDINGS} == TERMINAL


def test_a_subject_in_no_model_is_reviewed_approved_and_closed_honestly(
    cast: People, file_ticket: FileTicket, original: ModelVersion, erika: ScopeNode
) -> None:
    (twin,) = scope_search(SYSTEM, erika.dataset_id, "Anna Zwilling")
    ticket = approved(cast, file_ticket(node_ids=[twin.pk]))
    closed = services.ticket_close_nothing_held(actor=SYSTEM, ticket_id=ticket.pk)
    assert (closed.state, closed.outcome) == (S.CLOSED, "nothing_held")


def test_nothing_held_is_never_said_while_a_model_holds_it(
    cast: People, file_ticket: FileTicket, original: ModelVersion
) -> None:
    ticket = approved(cast, file_ticket())
    given = {"actor": SYSTEM, "ticket_id": ticket.pk}
    assert code_of(services.ticket_close_nothing_held, **given) == "still_held"
    ticket.refresh_from_db()
    assert ticket.state == S.APPROVED and TicketKey.objects.filter(ticket=ticket).exists()


def test_nothing_held_needs_an_approved_ticket(cast: People, file_ticket: FileTicket) -> None:
    given = {"actor": SYSTEM, "ticket_id": file_ticket().pk}
    assert code_of(services.ticket_close_nothing_held, **given) == "ticket_state"
