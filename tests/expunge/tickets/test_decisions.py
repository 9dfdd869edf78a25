"""Who may decide what about a ticket, and that two persons are needed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from expunge.accounts.models import Membership, Role
from expunge.common.errors import (
    NotFoundError,
)
from expunge.tickets import services
from expunge.tickets.models import Ticket
from expunge.tickets.rules import Task
from expunge.tickets.selectors import (
    ticket_get,
    ticket_history,
    ticket_payload,
    ticket_tasks,
    tickets_visible,
)
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import SYSTEM, People, leaves, person
from tests.expunge.tickets.walk import approved, code_of, failed, submitted

S = TicketState


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
        Task.PAUSE_CLOCK,
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
