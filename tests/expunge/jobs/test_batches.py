"""Requests that come together run together; each is judged and certified by itself."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from contract.record import read_records
from expunge.audit.selectors import log_verify
from expunge.certificates.models import Certificate
from expunge.common.clock import now
from expunge.jobs import conclusion, execution
from expunge.jobs.certification import ticket_certify
from expunge.jobs.execution import batch_execute
from expunge.jobs.folder import work_path
from expunge.jobs.models import Attempt, Batch, ErasureJob
from expunge.jobs.services import jobs_plan
from expunge.jobs.states import AttemptState, BatchState, JobState
from expunge.jobs.sweep import sweep
from expunge.registry.models import Arm, ModelVersion
from expunge.registry.selectors import scope_search
from expunge.tickets.models import Ticket
from expunge.tickets.services import ticket_hold, ticket_release, ticket_withdraw
from expunge.tickets.states import TicketState
from tests.expunge.conftest import FileTicket, Register, RegisterVersion
from tests.expunge.factories import SYSTEM, People, clinic, leaves
from tests.expunge.jobs.conftest import Approve
from tests.expunge.jobs.test_resuming import Killed, dies
from tests.expunge.jobs.workplace import Library

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_var"),
    pytest.mark.broker,
]
NAMES = ("Erika Mustermann", "Max Beispiel", "Ina Muster")


@pytest.fixture
def three(  # noqa: PLR0913, PLR0917 - fixtures
    register: Register,
    register_version: RegisterVersion,
    library: Library,
    file_ticket: FileTicket,
    approve: Approve,
    settings: Any,
) -> tuple[Ticket, ...]:
    """Three people's approved tickets for one model, inside one window that is still open."""
    settings.EXPUNGE_BATCH_WINDOW_SECONDS = 3600
    patients = register(clinic(trained=(*NAMES, "Jo Bleibt")))
    register_version(uses=[(patients, Arm.TRAINED)])
    nodes = [scope_search(SYSTEM, patients.dataset_id, name)[0] for name in NAMES]
    tickets = tuple(approve(file_ticket(node_ids=[node.pk])) for node in nodes)
    for ticket in tickets:
        jobs_plan(ticket_id=ticket.pk)
    return tickets


@pytest.fixture
def erika() -> None:
    """Stand in for the shared fixture: these tests register a clinic of their own."""


@pytest.fixture
def file_ticket(cast: People) -> FileTicket:
    from expunge.tickets.payload import TicketPayload  # noqa: PLC0415 - used here alone
    from expunge.tickets.services import ticket_file  # noqa: PLC0415

    def file(**given: Any) -> Ticket:
        return ticket_file(
            actor=cast.carol,
            controller_id=cast.controller.pk,
            regime="gdpr",
            ground="consent_withdrawn",
            payload=TicketPayload("Somebody", "somebody@home.example", "Please"),
            identity_confirmed=True,
            **given,
        )

    return file


def close_window() -> None:
    Batch.objects.filter(state=BatchState.OPEN).update(closes_at=now() - timedelta(seconds=1))
    sweep()


def run_all() -> None:
    while batch := Batch.objects.filter(state=BatchState.QUEUED).first():
        assert batch_execute(batch.pk)
        sweep()


def fresh(tickets: tuple[Ticket, ...]) -> list[str]:
    for ticket in tickets:
        ticket.refresh_from_db()
    return [ticket.state for ticket in tickets]


def begins(library: Library) -> Counter[str]:
    return Counter(what for what in library.said() if what.startswith("begin"))


def test_nothing_runs_while_the_window_is_open(three: tuple[Ticket, ...]) -> None:
    sweep()
    batch = Batch.objects.get()
    assert (batch.state, Attempt.objects.count()) == (BatchState.OPEN, 0)
    assert set(ErasureJob.objects.values_list("state", flat=True)) == {JobState.PLANNED}


def test_one_run_serves_all_and_each_gets_its_own_plan_verdict_and_certificate(
    three: tuple[Ticket, ...], library: Library
) -> None:
    close_window()
    run_all()
    assert fresh(three) == [TicketState.VERIFIED] * 3
    assert begins(library) == {
        "begin preregister": 3,
        "begin unlearning npo": 1,
        "begin verification npo": 3,
    }
    attempts = Attempt.objects.all()
    assert len({attempt.preregistration for attempt in attempts}) == 3
    assert len({attempt.batch_id for attempt in attempts}) == 1
    made = {ticket.jobs.get().result for ticket in three}
    (version,) = made
    assert version is not None and version.erasures.count() == 3
    for ticket in three:
        ticket_certify(ticket_id=ticket.pk)
        statement = bytes(Certificate.objects.get(ticket_id=ticket.pk).statement)
        (model,) = json.loads(statement)["predicate"]["models"]
        assert [attempt["requests"] for attempt in model["attempts"]] == [3]
        others = {str(item.pk) for item in three if item != ticket}
        others |= {item.reference for item in three if item != ticket}
        assert not [word for word in others if word.encode() in statement]
    assert log_verify().faults == ()


def test_the_records_of_others_in_the_run_are_not_what_a_request_is_judged_by(
    three: tuple[Ticket, ...], library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_window()
    seen: dict[str, set[str]] = {}
    written = execution.candidate_add

    def look(folder: Any, *given: Any) -> None:
        for name in ("forget", "neighbours", "retain", "population"):
            records = tuple(read_records(folder / "data" / f"{name}.jsonl"))
            seen.setdefault(name, set()).update(item.path[1] for item in records)
            if name == "forget":
                assert len({item.path[1] for item in records}) == 1
        written(folder, *given)

    monkeypatch.setattr(execution, "candidate_add", look)
    run_all()
    assert seen["forget"] == set(NAMES)
    assert seen["neighbours"] | seen["retain"] | seen["population"] == {"Jo Bleibt"}


def test_an_urgent_request_closes_the_window(three: tuple[Ticket, ...]) -> None:
    Ticket.objects.filter(pk=three[1].pk).update(due_on=now().date())
    sweep()
    assert Batch.objects.get().state == BatchState.QUEUED
    assert Attempt.objects.count() == 3


def test_who_was_refuted_goes_on_from_what_the_others_made(
    three: tuple[Ticket, ...], library: Library
) -> None:
    library.plays(verification={"npo": ["fail", "ok", "fail"]})
    close_window()
    run_all()
    assert fresh(three) == [TicketState.VERIFIED] * 3
    assert begins(library)["begin unlearning npo"] == begins(library)["begin unlearning renew"] == 1
    first, second = ModelVersion.objects.order_by("number")[1:]
    assert (second.parent, first.erasures.count(), second.erasures.count()) == (first, 1, 2)
    assert [ticket.jobs.get().result for ticket in three] == [second, first, second]
    ticket_certify(ticket_id=three[0].pk)
    (model,) = json.loads(bytes(Certificate.objects.get().statement))["predicate"]["models"]
    assert [attempt["requests"] for attempt in model["attempts"]] == [3, 2]
    assert model["before"] == first.digest
    assert model["attempts"][0]["original"] == first.parent.digest  # type: ignore[union-attr]


@pytest.mark.parametrize("when", ["open", "queued", "preregistered", "unlearned"])
@pytest.mark.parametrize("how", ["hold", "withdraw"])
def test_who_leaves_does_not_spoil_the_run_for_the_others(  # noqa: C901, PLR0913, PLR0917
    three: tuple[Ticket, ...],
    library: Library,
    cast: People,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
    how: str,
) -> None:
    def leave(*_: Any) -> None:
        given = {"ticket_id": three[0].pk, "text": "A case."}
        if how == "hold":
            ticket_hold(actor=cast.alice, reason="litigation", **given)
        else:
            ticket_withdraw(actor=cast.carol, reason="by_person", **given)

    if when == "open":
        leave()
    close_window()
    if when == "queued":
        leave()
    steps = {"preregistered": "unlearning_write", "unlearned": "candidate_of"}
    if when in steps:
        before = getattr(execution, steps[when])

        def step(*given: Any) -> Any:
            monkeypatch.undo()
            if when == "unlearned":
                leave()
            return before(*given)

        if when == "preregistered":
            plan = execution._preregister

            def leave_first(*given: Any) -> None:
                monkeypatch.undo()
                plan(*given)
                leave()

            monkeypatch.setattr(execution, "_preregister", leave_first)
        else:
            monkeypatch.setattr(execution, steps[when], step)
    run_all()
    gone = TicketState.ON_HOLD if how == "hold" else TicketState.WITHDRAWN
    assert fresh(three) == [gone, TicketState.VERIFIED, TicketState.VERIFIED]
    made = three[1].jobs.get().result
    assert made is not None and made.erasures.count() == 2
    assert begins(library)["begin verification npo"] == 2
    if how == "hold":
        ticket_release(
            actor=cast.alice, ticket_id=three[0].pk, reason="matter_closed", text="Over."
        )
        sweep()
        close_window()
        run_all()
        assert fresh(three)[0] == TicketState.VERIFIED
        result = three[0].jobs.get().result
        assert result is not None and result.parent == made
    assert set(Batch.objects.values_list("state", flat=True)) == {BatchState.OVER}


@pytest.mark.parametrize(
    ("where", "step", "after"),
    [
        (execution, "_preregister", True),
        (execution, "_unlearn", True),
        (execution, "_verify", True),
        (conclusion, "model_version_register", True),
        (execution, "batch_conclude", True),
    ],
)
def test_a_death_at_any_step_runs_nothing_twice(  # noqa: PLR0913, PLR0917 - fixtures
    three: tuple[Ticket, ...],
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    where: Any,
    step: str,
    after: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    close_window()
    batch = Batch.objects.get()
    dies(where, step, monkeypatch, after=after)
    with pytest.raises(Killed):
        batch_execute(batch.pk)
    Batch.objects.filter(pk=batch.pk).update(lease_until=now() - timedelta(seconds=1))
    batch_execute(batch.pk)
    sweep()
    assert fresh(three) == [TicketState.VERIFIED] * 3
    assert ModelVersion.objects.count() == 2
    ends = Counter(what for what in library.said() if what.startswith("end"))
    assert ends == {"end preregister": 3, "end unlearning npo": 1, "end verification npo": 3}
    assert len(leaves("verification.preregistered")) == 3
    assert not work_path(batch.pk).exists()
    assert log_verify().faults == ()


def test_what_one_request_cannot_be_verified_by_is_that_requests_affair(
    three: tuple[Ticket, ...], library: Library
) -> None:
    library.plays(verification={"npo": ["ok", "killed", "ok"]})
    close_window()
    assert batch_execute(Batch.objects.get().pk)
    states = sorted(Attempt.objects.filter(number=1).values_list("state", flat=True))
    assert states == [AttemptState.ERRORED, AttemptState.PASSED, AttemptState.PASSED]
    run_all()
    assert fresh(three) == [TicketState.VERIFIED] * 3


def test_the_database_keeps_a_model_to_one_run_at_a_time(three: tuple[Ticket, ...]) -> None:
    close_window()
    with connection.cursor() as cursor, pytest.raises(Exception, match="one_batch_at_work"):
        cursor.execute(
            "INSERT INTO jobs_batch (id, created_at, owner, token, state, closes_at, method, "
            "settings, seed, model_id, original_id) SELECT gen_random_uuid(), now(), '', 0, "
            "'running', now(), '', '{}', 0, model_id, original_id FROM jobs_batch LIMIT 1"
        )
