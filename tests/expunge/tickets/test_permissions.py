"""Who may do what with a ticket, in every state: the whole matrix, and Mallory in none of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from expunge.accounts.permissions import Actor
from expunge.common.clock import now
from expunge.common.errors import DomainError, NotFoundError
from expunge.tickets import services
from expunge.tickets.deadlines import clock_pause
from expunge.tickets.models import Ticket
from expunge.tickets.rules import Task
from expunge.tickets.selectors import ticket_get, ticket_tasks
from expunge.tickets.states import HOLDABLE, TERMINAL, TicketState
from expunge.tickets.tasks import TASKS, task_run
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import SYSTEM, People, all_leaves
from tests.expunge.tickets.walk import put

S = TicketState
EVERYBODY = ("alice", "bob", "carol", "dora", "ada", "mallory")
OPEN = frozenset(TicketState) - TERMINAL

MATRIX: Mapping[Task, Mapping[TicketState, str]] = {
    Task.IDENTITY_CONFIRM: {S.IDENTITY_PENDING: "alice"},
    Task.SUBMIT: {S.UNDER_REVIEW: "alice"},
    Task.APPROVE: {S.AWAITING_APPROVAL: "bob"},
    Task.SEND_BACK: {S.AWAITING_APPROVAL: "bob"},
    Task.REJECT: {
        S.RECEIVED: "alice",
        S.IDENTITY_PENDING: "alice",
        S.UNDER_REVIEW: "alice",
        S.AWAITING_APPROVAL: "bob",
    },
    Task.WITHDRAW: dict.fromkeys(
        (
            S.RECEIVED,
            S.IDENTITY_PENDING,
            S.UNDER_REVIEW,
            S.AWAITING_APPROVAL,
            S.APPROVED,
            S.IN_PROGRESS,
        ),
        "alice carol",
    ),
    Task.HOLD: dict.fromkeys(HOLDABLE, "alice"),
    Task.RELEASE: {S.ON_HOLD: "alice"},
    Task.EXTEND: dict.fromkeys(OPEN - {S.VERIFIED, S.CERTIFIED}, "alice"),
    Task.PAUSE_CLOCK: dict.fromkeys((S.RECEIVED, S.IDENTITY_PENDING, S.UNDER_REVIEW), "alice"),
    Task.RESUME_CLOCK: dict.fromkeys(OPEN, "alice"),
    Task.RETRY: dict.fromkeys((S.VERIFICATION_FAILED, S.CONTAINED), "carol"),
    Task.CONTAIN: {S.VERIFICATION_FAILED: "alice"},
    Task.CLOSE_UNVERIFIED: dict.fromkeys((S.VERIFICATION_FAILED, S.CONTAINED), "alice"),
}
"""For each task and state the people of the cast who may do it; nobody else ever may."""


def staged(ticket: Ticket, cast: People, task: Task, state: TicketState) -> Ticket:
    """Return the ticket as it would stand: reviewed when it was, the clock as the task needs it."""
    held = S.UNDER_REVIEW if state is S.ON_HOLD else ""
    ticket = put(ticket, state, held, "certified" if state is S.CLOSED else "")
    if state in {S.AWAITING_APPROVAL, S.APPROVED}:
        Ticket.objects.filter(pk=ticket.pk).update(reviewer=cast.alice.user)
    if task is Task.RESUME_CLOCK and state in OPEN:
        ticket.refresh_from_db()
        assert clock_pause(ticket=ticket, actor=SYSTEM)
    return ticket_get(SYSTEM, ticket.pk)


def code(task: Task) -> str:
    find = TASKS[task].codes
    return find("gdpr")[0][0] if find else ""


def attempt(task: Task, actor: Actor, ticket: Ticket) -> DomainError | None:
    """Do the task as somebody; return what was refused."""
    try:
        task_run(task, actor=actor, ticket_id=ticket.pk, code=code(task), text="Said why")
    except DomainError as error:
        return error
    return None


def test_the_matrix_has_every_task() -> None:
    assert set(MATRIX) == set(Task)


@pytest.mark.parametrize("task", Task)
def test_a_task_is_done_by_whom_and_when_the_matrix_says(
    cast: People, file_ticket: FileTicket, task: Task
) -> None:
    ticket = file_ticket()
    for state, name in itertools.product(TicketState, EVERYBODY):
        with transaction.atomic():
            actor, fresh = getattr(cast, name), staged(ticket, cast, task, state)
            before = all_leaves()
            offered = name not in {"ada", "mallory"} and task in ticket_tasks(actor, fresh)
            error = attempt(task, actor, fresh)
            may = name in MATRIX[task].get(state, "").split()
            assert (error is None, offered) == (may, may), (state, name, error)
            fresh.refresh_from_db()
            assert may == (all_leaves() != before)
            assert may or fresh.state == state
            transaction.set_rollback(True)
        ticket.refresh_from_db()


@pytest.mark.parametrize("task", Task)
def test_neither_mallory_nor_the_administrator_learns_that_a_ticket_exists(
    cast: People, file_ticket: FileTicket, task: Task
) -> None:
    ticket = file_ticket()
    for actor in (cast.mallory, cast.ada):
        assert isinstance(attempt(task, actor, ticket), NotFoundError)


@pytest.mark.parametrize("task", [Task.SUBMIT, Task.APPROVE, Task.SEND_BACK, Task.REJECT])
def test_nobody_decides_on_their_own_request_or_review(
    cast: People, file_ticket: FileTicket, task: Task
) -> None:
    state = S.UNDER_REVIEW if task is Task.SUBMIT else S.AWAITING_APPROVAL
    person = cast.alice if task is Task.SUBMIT else cast.bob
    own = put(file_ticket(), state)
    Ticket.objects.filter(pk=own.pk).update(requester=person.user)
    error = attempt(task, person, own)
    assert error is not None and error.code == "own_request"
    if task is not Task.SUBMIT:
        reviewed = put(file_ticket(), state)
        Ticket.objects.filter(pk=reviewed.pk).update(reviewer=person.user)
        error = attempt(task, person, reviewed)
        assert error is not None and error.code == "own_review"


PLATFORM: list[tuple[Callable[..., Ticket], TicketState, dict[str, str]]] = [
    (services.ticket_reopen, S.CLOSED, {"reason": "regression"}),
    (services.ticket_expire, S.IDENTITY_PENDING, {}),
]


@pytest.mark.parametrize(("service", "state", "given"), PLATFORM)
def test_what_the_platform_does_by_itself_no_person_does(
    cast: People,
    file_ticket: FileTicket,
    service: Callable[..., Ticket],
    state: TicketState,
    given: dict[str, Any],
) -> None:
    ticket = put(file_ticket(), state, outcome="certified" if state is S.CLOSED else "")
    Ticket.objects.filter(pk=ticket.pk).update(received_at=now() - timedelta(days=400))
    for name in EVERYBODY:
        with pytest.raises(DomainError) as error:
            service(actor=getattr(cast, name), ticket_id=ticket.pk, **given)
        assert error.value.code == "platform_only"
    assert service(actor=SYSTEM, ticket_id=ticket.pk, **given).state != state
