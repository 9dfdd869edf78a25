"""The table of moves, and the function that alone may follow it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction

from expunge.common.errors import ConflictError
from expunge.tickets import transitions
from expunge.tickets.models import Ticket, TicketKey
from expunge.tickets.signals import ticket_moved
from expunge.tickets.states import HOLDABLE, MOVES, TERMINAL, TicketState, may_move
from expunge.tickets.transitions import OUTCOMES, ticket_move
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import SYSTEM, People, leaves
from tests.expunge.tickets.walk import put

S = TicketState
PAIRS = list(itertools.product(TicketState, TicketState))


def test_every_state_stands_in_the_table_and_only_what_was_certified_leaves_an_end() -> None:
    assert set(MOVES) == set(TicketState)
    assert {state: MOVES[state] for state in TERMINAL if MOVES[state]} == {
        S.CLOSED: frozenset({S.IN_PROGRESS})
    }


def test_every_state_is_reachable_and_every_state_can_end() -> None:
    reached, frontier = {S.RECEIVED}, {S.RECEIVED}
    while frontier:
        frontier = {target for state in frontier for target in MOVES[state]} - reached
        reached |= frontier
    assert reached == set(TicketState)
    ending = set(TERMINAL)
    for _ in TicketState:
        ending |= {state for state in TicketState if MOVES[state] & ending}
    assert ending == set(TicketState)


def test_only_certified_work_is_called_certified() -> None:
    assert set(OUTCOMES) == {state for state in TicketState if may_move(state, S.CLOSED)}
    assert [state for state, outcome in OUTCOMES.items() if outcome == "certified"] == [S.CERTIFIED]
    assert [state for state in TicketState if may_move(state, S.CERTIFIED)] == [S.VERIFIED]


def test_every_pair_of_states_moves_as_the_table_says(file_ticket: FileTicket) -> None:
    ticket = file_ticket()
    for source, target in PAIRS:
        held_from = str(target) if source is S.ON_HOLD and target in HOLDABLE else ""
        with transaction.atomic():
            put(ticket, source, held_from, "certified" if source is S.CLOSED else "")
            if may_move(source, target):
                ticket_move(ticket=ticket, target=target, actor=SYSTEM)
                assert ticket.state == target
            else:
                with pytest.raises(ConflictError) as error:
                    ticket_move(ticket=ticket, target=target, actor=SYSTEM)
                assert error.value.code == "ticket_move_refused"
            transaction.set_rollback(True)
        ticket.refresh_from_db()


def test_a_release_leads_only_to_where_the_hold_began(file_ticket: FileTicket) -> None:
    ticket = put(file_ticket(), S.ON_HOLD, held_from=S.UNDER_REVIEW)
    with pytest.raises(ConflictError):
        ticket_move(ticket=ticket, target=S.IN_PROGRESS, actor=SYSTEM)
    assert ticket_move(ticket=ticket, target=S.UNDER_REVIEW, actor=SYSTEM).held_from == ""


def test_who_comes_second_is_refused_and_changes_nothing(file_ticket: FileTicket) -> None:
    ticket = file_ticket()
    stale = Ticket.objects.get(pk=ticket.pk)
    ticket_move(ticket=ticket, target=S.ON_HOLD, actor=SYSTEM)
    moves = ticket.moves.count()
    with pytest.raises(ConflictError) as error:
        ticket_move(ticket=stale, target=S.WITHDRAWN, actor=SYSTEM)
    assert error.value.code == "ticket_moved_meanwhile"
    assert ticket.moves.count() == moves
    assert TicketKey.objects.filter(ticket=ticket).exists()


def test_a_move_leaves_one_row_and_one_leaf(file_ticket: FileTicket) -> None:
    ticket = file_ticket()
    rows, before = ticket.moves.count(), len(leaves("ticket.moved"))
    ticket_move(ticket=ticket, target=S.ON_HOLD, actor=SYSTEM, reason="litigation", text="Erika")
    assert ticket.moves.count() == rows + 1
    after = leaves("ticket.moved")
    assert len(after) == before + 1
    assert after[-1]["data"] == {
        "from": "under_review",
        "to": "on_hold",
        "reason": "litigation",
        "outcome": "",
    }
    assert after[-1]["subject"] == {"ticket": str(ticket.pk)}


def test_the_database_itself_moves_tickets_only_as_the_table_says(file_ticket: FileTicket) -> None:
    ticket = file_ticket()
    allowed = set()
    for source, target in PAIRS:
        if source is target:
            continue
        held_from = str(target) if source is S.ON_HOLD and target in HOLDABLE else ""
        try:
            with transaction.atomic():
                put(ticket, source, held_from, "certified" if source is S.CLOSED else "")
                Ticket.objects.filter(pk=ticket.pk).update(state=target, outcome="")
                allowed.add((source, target))
                transaction.set_rollback(True)
        except IntegrityError:
            continue
    assert allowed == {(source, target) for source in MOVES for target in MOVES[source]}


@pytest.mark.parametrize(
    ("state", "held_from", "outcome", "target"),
    [
        (S.ON_HOLD, "under_review", "", S.IN_PROGRESS),
        (S.ON_HOLD, "", "", S.UNDER_REVIEW),
        (S.CLOSED, "", "not_verified", S.IN_PROGRESS),
        (S.CLOSED, "", "nothing_held", S.IN_PROGRESS),
        (S.CLOSED, "", "exempt", S.IN_PROGRESS),
    ],
)
def test_neither_service_nor_database_resumes_elsewhere_or_reopens_what_was_not_certified(
    file_ticket: FileTicket, state: TicketState, held_from: str, outcome: str, target: TicketState
) -> None:
    ticket = put(file_ticket(), state, held_from, outcome)
    with pytest.raises(ConflictError) as error:
        ticket_move(ticket=ticket, target=target, actor=SYSTEM)
    assert error.value.code == "ticket_move_refused"
    with pytest.raises(IntegrityError), transaction.atomic():
        Ticket.objects.filter(pk=ticket.pk).update(state=target, outcome="")


def test_the_database_knows_no_other_states(file_ticket: FileTicket) -> None:
    ticket = file_ticket()
    with pytest.raises(IntegrityError), transaction.atomic():
        Ticket.objects.filter(pk=ticket.pk).update(state="done")


def test_listeners_hear_of_a_move_after_the_commit(
    file_ticket: FileTicket, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    heard: list[tuple[object, object, object]] = []

    def listen(*, ticket_id: object, source: object, target: object, **_rest: object) -> None:
        heard.append((ticket_id, source, target))

    ticket = file_ticket()
    ticket_moved.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
            ticket_move(ticket=ticket, target=S.ON_HOLD, actor=SYSTEM)
            assert heard == []
    finally:
        ticket_moved.disconnect(listen)
    assert heard == [(ticket.pk, S.UNDER_REVIEW, S.ON_HOLD)]


def test_a_move_whose_leaf_fails_did_not_happen(
    file_ticket: FileTicket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_given: object) -> None:
        raise RuntimeError

    ticket = file_ticket()
    monkeypatch.setattr(transitions, "audit_record", refuse)
    with pytest.raises(RuntimeError), transaction.atomic():
        ticket_move(ticket=ticket, target=S.WITHDRAWN, actor=SYSTEM)
    ticket.refresh_from_db()
    assert ticket.state == S.UNDER_REVIEW
    assert TicketKey.objects.filter(ticket=ticket).exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_decide_at_once_one_is_heard(cast: People, file_ticket: FileTicket) -> None:
    ticket = file_ticket()
    start = Barrier(2)

    def decide(target: TicketState) -> str:
        try:
            mine = Ticket.objects.get(pk=ticket.pk)
            start.wait(timeout=20)
            return str(ticket_move(ticket=mine, target=target, actor=SYSTEM).state)
        except ConflictError as error:
            return error.code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        outcomes = set(threads.map(decide, (S.ON_HOLD, S.REJECTED)))
    ticket.refresh_from_db()
    assert outcomes == {ticket.state, "ticket_moved_meanwhile"}
    assert ticket.moves.filter(source=S.UNDER_REVIEW).count() == 1
    assert len(leaves("ticket.moved")) == 2
