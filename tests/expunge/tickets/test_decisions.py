"""Who may decide what about a ticket, and that two persons are needed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from expunge.accounts.models import Membership, Role
from expunge.common import clock
from expunge.common.errors import (
    DomainError,
    NotFoundError,
)
from expunge.registry.models import ModelVersion, ScopeNode
from expunge.registry.selectors import scope_search
from expunge.tickets import services
from expunge.tickets.models import Ticket, TicketKey
from expunge.tickets.rules import Task
from expunge.tickets.selectors import (
    is_overdue,
    ticket_get,
    ticket_history,
    ticket_payload,
    ticket_tasks,
    tickets_visible,
)
from expunge.tickets.states import TERMINAL, TicketState
from expunge.tickets.transitions import ticket_move
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import SYSTEM, People, all_leaves, leaves, person

S = TicketState
Freeze = Callable[[datetime], None]


@pytest.fixture
def freeze(monkeypatch: pytest.MonkeyPatch) -> Freeze:
    """Set what time it is."""

    def at(moment: datetime) -> None:
        monkeypatch.setattr(clock.timezone, "now", lambda: moment)

    return at


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


def test_carol_files_alice_reviews_and_bob_approves(cast: People, file_ticket: FileTicket) -> None:
    ticket = file_ticket(identity_confirmed=False)
    services.ticket_identity_confirm(actor=cast.alice, ticket_id=ticket.pk)
    ticket = approved(cast, ticket)
    assert ticket.state == S.APPROVED
    assert (ticket.reviewer, ticket.approver) == (cast.alice.user, cast.bob.user)
    path = [(leaf["data"]["from"], leaf["data"]["to"]) for leaf in leaves("ticket.moved")]
    assert path == [
        ("received", "identity_pending"),
        ("identity_pending", "under_review"),
        ("under_review", "awaiting_approval"),
        ("awaiting_approval", "approved"),
    ]


def test_a_second_person_must_approve(cast: People, file_ticket: FileTicket) -> None:
    ticket = file_ticket()
    Membership.objects.create(user=cast.alice.user, controller=cast.controller, role=Role.APPROVER)
    submitted(cast, ticket)
    approve = {"actor": cast.alice, "ticket_id": ticket.pk, "reason": "Quick"}
    assert code_of(services.ticket_approve, **approve) == "own_review"
    assert code_of(services.ticket_send_back, **approve) == "own_review"
    assert Task.APPROVE not in ticket_tasks(cast.alice, ticket_get(cast.alice, ticket.pk))


def test_who_filed_neither_reviews_nor_approves(cast: People, file_ticket: FileTicket) -> None:
    for role in (Role.DPO, Role.APPROVER):
        Membership.objects.create(user=cast.carol.user, controller=cast.controller, role=role)
    ticket = file_ticket(actor=cast.carol)
    mine = {"actor": cast.carol, "ticket_id": ticket.pk, "reason": "Mine"}
    assert code_of(services.ticket_submit, **mine) == "own_request"
    submitted(cast, ticket)
    assert code_of(services.ticket_approve, **mine) == "own_request"


def test_the_database_itself_refuses_one_person_in_two_parts(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()
    for columns in (
        {"reviewer": cast.carol.user},
        {"approver": cast.carol.user},
        {"reviewer": cast.alice.user, "approver": cast.alice.user},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Ticket.objects.filter(pk=ticket.pk).update(**columns)


def test_the_platform_decides_nothing_in_place_of_a_person(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()
    given = {"actor": SYSTEM, "ticket_id": ticket.pk, "reason": "automatic"}
    assert code_of(services.ticket_submit, **given) == "person_needed"
    submitted(cast, ticket)
    assert code_of(services.ticket_approve, **given) == "person_needed"


def test_each_role_sees_its_own_tasks(cast: People, file_ticket: FileTicket) -> None:
    ticket = file_ticket()
    assert set(ticket_tasks(cast.alice, ticket)) == {
        Task.SUBMIT,
        Task.REJECT,
        Task.WITHDRAW,
        Task.HOLD,
        Task.EXTEND,
    }
    assert ticket_tasks(cast.carol, ticket) == (Task.WITHDRAW,)
    assert ticket_tasks(cast.bob, ticket) == ticket_tasks(cast.dora, ticket) == ()
    ticket = submitted(cast, ticket)
    assert set(ticket_tasks(cast.bob, ticket)) == {Task.APPROVE, Task.SEND_BACK, Task.REJECT}
    assert Task.REJECT not in ticket_tasks(cast.alice, ticket)


def test_no_task_is_left_when_a_ticket_has_ended(cast: People, file_ticket: FileTicket) -> None:
    ticket = services.ticket_withdraw(
        actor=cast.carol, ticket_id=file_ticket().pk, reason="by_person"
    )
    for actor in (cast.alice, cast.bob, cast.carol, cast.dora):
        assert ticket_tasks(actor, ticket) == ()
    late = {"actor": cast.alice, "ticket_id": ticket.pk, "reason": "x"}
    assert code_of(services.ticket_submit, **late) == "ticket_state"


def test_sent_back_a_ticket_is_reviewed_anew(cast: People, file_ticket: FileTicket) -> None:
    ticket = submitted(cast, file_ticket())
    ticket = services.ticket_send_back(
        actor=cast.bob, ticket_id=ticket.pk, reason="Which exemption was looked at?"
    )
    assert (ticket.state, ticket.reviewer) == (S.UNDER_REVIEW, None)
    second = person("Anton", cast.controller, Role.DPO)
    ticket = services.ticket_submit(actor=second, ticket_id=ticket.pk, reason="None applies")
    assert ticket.reviewer == second.user


def test_strangers_do_not_learn_that_a_ticket_exists(cast: People, file_ticket: FileTicket) -> None:
    ticket = file_ticket()
    with pytest.raises(NotFoundError):
        ticket_get(cast.mallory, ticket.pk)
    with pytest.raises(NotFoundError):
        services.ticket_submit(actor=cast.mallory, ticket_id=ticket.pk, reason="Mine now")
    assert not tickets_visible(cast.mallory).exists()
    assert ticket_payload(cast.mallory, ticket) is None


REFUSED = {"reason": "legal_claims", "text": "A lawsuit is pending."}
CODED: list[tuple[str, dict[str, str], TicketState]] = [
    ("ticket_reject", REFUSED, S.REJECTED),
    ("ticket_withdraw", {"reason": "duplicate", "text": "See the other"}, S.WITHDRAWN),
    ("ticket_hold", {"reason": "litigation", "text": "Court of Berlin"}, S.ON_HOLD),
]


@pytest.mark.parametrize(("service", "given", "target"), CODED)
def test_a_decision_has_a_known_reason(
    cast: People,
    file_ticket: FileTicket,
    service: str,
    given: dict[str, str],
    target: TicketState,
) -> None:
    call = getattr(services, service)
    who = {"actor": cast.alice, "ticket_id": file_ticket().pk}
    assert code_of(call, **who, **{**given, "reason": "whim"}) == "reason_unknown"
    assert call(**who, **given).state == target
    assert leaves("ticket.moved")[-1]["data"]["reason"] == given["reason"]


@pytest.mark.parametrize("service", ["ticket_reject", "ticket_hold"])
def test_a_decision_against_the_person_has_a_text(
    cast: People, file_ticket: FileTicket, service: str
) -> None:
    given = {name: given for name, given, _ in CODED}[service]
    call = getattr(services, service)
    who = {"actor": cast.alice, "ticket_id": file_ticket().pk}
    assert code_of(call, **who, **{**given, "text": "  "}) == "text_missing"


def test_a_refusal_uses_the_reasons_of_its_own_law(cast: People, file_ticket: FileTicket) -> None:
    ticket = file_ticket(regime="hipaa", ground="amendment")
    who = {"actor": cast.alice, "ticket_id": ticket.pk, "text": "It is right."}
    assert code_of(services.ticket_reject, **who, reason="expression") == "reason_unknown"
    assert services.ticket_reject(**who, reason="record_accurate").state == S.REJECTED


@pytest.mark.parametrize("stage", [lambda _, ticket: ticket, submitted, approved, failed])
def test_a_released_hold_resumes_where_the_ticket_stood(
    cast: People, file_ticket: FileTicket, stage: Callable[[People, Ticket], Ticket]
) -> None:
    ticket = stage(cast, file_ticket())
    stood = ticket.state
    who = {"actor": cast.alice, "ticket_id": ticket.pk}
    held = services.ticket_hold(**who, reason="authority_order", text="File 7")
    assert (held.state, held.held_from) == (S.ON_HOLD, stood)
    assert Task.RELEASE in ticket_tasks(cast.alice, held)
    released = services.ticket_release(**who, reason="order_lifted", text="Lifted")
    assert (released.state, released.held_from) == (stood, "")


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


def test_tickets_are_found_by_reference_name_and_state(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket, other = file_ticket(), file_ticket(identity_confirmed=False)
    assert list(tickets_visible(cast.dora, search=ticket.reference[3:].lower())) == [ticket]
    assert set(tickets_visible(cast.dora, search="erika  MUSTERMANN")) == {ticket, other}
    assert not tickets_visible(cast.dora, search="Max Beispiel").exists()
    assert list(tickets_visible(cast.dora, state=S.IDENTITY_PENDING)) == [other]


def test_only_those_who_decide_read_who_the_person_is(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket = submitted(cast, file_ticket())
    for actor in (cast.alice, cast.bob):
        payload = ticket_payload(actor, ticket)
        assert payload is not None and payload.subject_name == "Erika Mustermann"
        assert "No exemption" in [entry.text for entry in ticket_history(actor, ticket)]
    for actor in (cast.carol, cast.dora):
        assert ticket_payload(actor, ticket) is None
        assert not any(entry.text for entry in ticket_history(actor, ticket))


def test_only_what_failed_is_tried_again(cast: People, file_ticket: FileTicket) -> None:
    ticket = approved(cast, file_ticket())
    again = {"actor": cast.carol, "ticket_id": ticket.pk}
    assert code_of(services.ticket_retry, **again) == "ticket_state"
    for target in (S.IN_PROGRESS, S.VERIFICATION_FAILED):
        ticket_move(ticket=ticket, target=target, actor=SYSTEM)
    assert code_of(services.ticket_retry, **{**again, "actor": cast.alice}) == "permission_missing"
    assert services.ticket_retry(**again).state == S.IN_PROGRESS


def test_a_failed_erasure_is_closed_as_not_verified(cast: People, file_ticket: FileTicket) -> None:
    ticket = failed(cast, file_ticket())
    closed = services.ticket_close_unverified(
        actor=cast.alice, ticket_id=ticket.pk, reason="methods_exhausted", text="All four failed."
    )
    assert (closed.state, closed.outcome) == (S.CLOSED, "not_verified")


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
    ticket = approved(cast, ticket)
    for target in (S.IN_PROGRESS, S.VERIFIED, S.CERTIFIED, S.CLOSED):
        ticket_move(ticket=ticket, target=target, actor=SYSTEM)


def end_nothing_held(cast: People, ticket: Ticket) -> None:
    services.ticket_close_nothing_held(actor=SYSTEM, ticket_id=approved(cast, ticket).pk)


def end_expired(cast: People, ticket: Ticket) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(state=S.IDENTITY_PENDING)
    ticket.refresh_from_db()
    ticket_move(ticket=ticket, target=S.EXPIRED, actor=SYSTEM)


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
