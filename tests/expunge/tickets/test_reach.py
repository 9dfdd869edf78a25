"""Every move of the table is made by a service, and no service makes another."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
from django.test import Client

from expunge.accounts.models import Membership, Role
from expunge.accounts.permissions import Permission
from expunge.accounts.services import token_create
from expunge.jobs.services import jobs_plan
from expunge.tickets import services
from expunge.tickets.endings import identity_time
from expunge.tickets.models import Ticket
from expunge.tickets.rules import RULES, Task
from expunge.tickets.states import HOLDABLE, MOVES, TicketState
from expunge.tickets.tasks import TASKS, task_run
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import SYSTEM, People, leaves
from tests.expunge.tickets.walk import approved, put

S = TicketState
Pair = tuple[TicketState, TicketState]
PAIRS = {(source, target) for source, targets in MOVES.items() for target in targets}
BY_TASK: Mapping[Pair, Task] = {
    **{
        (source, rule.target): task
        for task, rule in RULES.items()
        for source in rule.permission
        if rule.target is not None
    },
    **{(S.ON_HOLD, state): Task.RELEASE for state in HOLDABLE},
}
"""The moves that people make."""
BY_PLATFORM: frozenset[Pair] = frozenset(
    {
        (S.RECEIVED, S.IDENTITY_PENDING),
        (S.RECEIVED, S.UNDER_REVIEW),
        (S.IDENTITY_PENDING, S.EXPIRED),
        (S.APPROVED, S.IN_PROGRESS),
        (S.APPROVED, S.CLOSED),
        (S.IN_PROGRESS, S.VERIFIED),
        (S.IN_PROGRESS, S.VERIFICATION_FAILED),
        (S.VERIFIED, S.CERTIFIED),
        (S.CERTIFIED, S.CLOSED),
        (S.CLOSED, S.IN_PROGRESS),
    }
)
"""The moves that filing, work, certification and time make; those of work stand in its tests."""


def made() -> Pair:
    """Return the move that the log recorded last."""
    data = leaves("ticket.moved")[-1]["data"]
    return TicketState(data["from"]), TicketState(data["to"])


def test_every_move_of_the_table_is_somebodys_and_nothing_else_is() -> None:
    assert set(BY_TASK) | BY_PLATFORM == PAIRS
    assert not set(BY_TASK) & BY_PLATFORM


@pytest.mark.parametrize("pair", sorted(BY_TASK), ids="-".join)
def test_a_person_makes_each_of_their_moves(
    cast: People, file_ticket: FileTicket, pair: Pair
) -> None:
    source, target = pair
    task = BY_TASK[pair]
    for role in (Role.DPO, Role.APPROVER, Role.ENGINEER):
        Membership.objects.get_or_create(
            user=cast.alice.user, controller=cast.controller, role=role
        )
    ticket = put(file_ticket(), source, target if source is S.ON_HOLD else "")
    find = TASKS[task].codes
    code = find("gdpr")[0][0] if find else ""
    task_run(task, actor=cast.alice, ticket_id=ticket.pk, code=code, text="Said why")
    assert made() == pair


def filed_unconfirmed(cast: People, file_ticket: FileTicket) -> Ticket:
    return file_ticket(identity_confirmed=False)


def filed(cast: People, file_ticket: FileTicket) -> Ticket:
    return file_ticket()


def expired(cast: People, file_ticket: FileTicket) -> Ticket:
    ticket = file_ticket(identity_confirmed=False)
    old = ticket.received_at - 2 * identity_time(ticket)
    Ticket.objects.filter(pk=ticket.pk).update(received_at=old)
    return services.ticket_expire(actor=SYSTEM, ticket_id=ticket.pk)


def started(cast: People, file_ticket: FileTicket) -> Ticket:
    ticket = approved(cast, file_ticket())
    jobs_plan(ticket_id=ticket.pk)
    return ticket


def closed(cast: People, file_ticket: FileTicket) -> Ticket:
    ticket = approved(cast, file_ticket())
    return services.ticket_close_nothing_held(actor=SYSTEM, ticket_id=ticket.pk)


def reopened(cast: People, file_ticket: FileTicket) -> Ticket:
    ticket = put(file_ticket(), S.CLOSED, outcome="certified")
    return services.ticket_reopen(actor=SYSTEM, ticket_id=ticket.pk, reason="regression")


@pytest.mark.parametrize(
    ("make", "pair", "trained"),
    [
        (filed_unconfirmed, (S.RECEIVED, S.IDENTITY_PENDING), False),
        (filed, (S.RECEIVED, S.UNDER_REVIEW), False),
        (expired, (S.IDENTITY_PENDING, S.EXPIRED), False),
        (started, (S.APPROVED, S.IN_PROGRESS), True),
        (closed, (S.APPROVED, S.CLOSED), False),
        (reopened, (S.CLOSED, S.IN_PROGRESS), False),
    ],
)
def test_the_platform_makes_its_moves(
    request: pytest.FixtureRequest,
    make: Callable[[People, FileTicket], Ticket],
    pair: Pair,
    *,
    trained: bool,
) -> None:
    if trained:
        request.getfixturevalue("original")
    make(request.getfixturevalue("cast"), request.getfixturevalue("file_ticket"))
    assert made() == pair and pair in BY_PLATFORM


def every_door(cast: People) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return how Alice posts to the API and to the pages."""
    scopes = [item for item in Permission if cast.alice.may(item, cast.controller.pk)]
    _, secret = token_create(
        actor=cast.alice, controller_id=cast.controller.pk, name="a script", scopes=scopes
    )
    script, browser = Client(headers={"Authorization": f"Bearer {secret}"}), Client()
    assert cast.alice.user is not None
    browser.force_login(cast.alice.user)
    return partial(script.post, content_type="application/json"), browser.post


@pytest.mark.parametrize("task", Task)
def test_from_every_other_state_a_task_is_refused_by_api_and_pages_alike(
    cast: People, file_ticket: FileTicket, task: Task
) -> None:
    for role in Role.values:
        Membership.objects.get_or_create(
            user=cast.alice.user, controller=cast.controller, role=role
        )
    script, client = every_door(cast)
    ticket = file_ticket()
    find = TASKS[task].codes
    code = find("gdpr")[0][0] if find else ""
    body = {"text": "Said why", **({"reason": code} if find else {})}
    address = f"tickets/{ticket.pk}/{task.replace('_', '-')}"
    others = [state for state in TicketState if state not in RULES[task].permission]
    for state, call in itertools.product(others, ("api", "page")):
        put(ticket, state, outcome="certified" if state is S.CLOSED else "")
        if call == "api":
            answer = script(f"/api/v1/{address}", body)
            assert answer.json()["code"] == "ticket_state"
        else:
            answer = client(f"/{address}/", {"code": code, "text": "Said why"})
        assert answer.status_code == 409, (state, call)
        ticket.refresh_from_db()
        assert ticket.state == state
