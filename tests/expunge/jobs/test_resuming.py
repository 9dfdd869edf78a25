"""A worker that dies between any two steps leaves an attempt that the next worker finishes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from expunge.audit.selectors import log_verify
from expunge.certificates.models import Certificate
from expunge.common.clock import now
from expunge.jobs import certification, conclusion, execution, libraries
from expunge.jobs.certification import ticket_certify
from expunge.jobs.conclusion import batch_acquire
from expunge.jobs.execution import batch_execute
from expunge.jobs.failures import LeaseLost
from expunge.jobs.folder import work_path
from expunge.jobs.leases import Lease, lease_renew, lease_write
from expunge.jobs.locks import FileLock
from expunge.jobs.models import Attempt, Batch
from expunge.jobs.services import jobs_plan
from expunge.jobs.states import AttemptState, JobState
from expunge.jobs.sweep import sweep
from expunge.registry.models import ModelVersion
from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState
from tests.expunge.factories import leaves
from tests.expunge.jobs.workplace import Library

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.broker, pytest.mark.crash]


class Killed(BaseException):
    """The process is gone; nothing catches this."""


def dies(where: Any, name: str, monkeypatch: pytest.MonkeyPatch, *, after: bool) -> None:
    """Have the worker die once, just before or just after this step."""
    step: Callable[..., Any] = getattr(where, name)
    alive = [True]

    def dying(*given: Any, **named: Any) -> Any:
        if alive and not after:
            alive.clear()
            raise Killed
        value = step(*given, **named)
        if alive:
            alive.clear()
            raise Killed
        return value

    monkeypatch.setattr(where, name, dying)


def expire(attempt: Attempt) -> None:
    Batch.objects.filter(pk=attempt.batch_id).update(lease_until=now() - timedelta(seconds=1))


def queued(ticket: Ticket) -> Attempt:
    jobs_plan(ticket_id=ticket.pk)
    return Attempt.objects.get()


@pytest.mark.parametrize(
    ("where", "step", "after"),
    [
        (execution, "model_fetch", False),
        (execution, "model_fetch", True),
        (execution, "verification_write", True),
        (execution, "members_at_work", False),
        (execution, "_preregister", True),
        (execution, "unlearning_write", True),
        (execution, "read_json", True),
        (execution, "_unlearn", True),
        (execution, "candidate_add", True),
        (libraries, "read_json", True),
        (execution, "_verify", True),
        (conclusion, "artifact_store", True),
        (conclusion, "model_version_register", True),
        (conclusion, "ticket_settle", True),
        (execution, "batch_conclude", True),
    ],
)
def test_death_at_any_step_is_made_good_by_the_next_holder(  # noqa: PLR0913, PLR0917 - fixtures
    approved: Ticket,
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    where: Any,
    step: str,
    after: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    attempt = queued(approved)
    dies(where, step, monkeypatch, after=after)
    with pytest.raises(Killed):
        batch_execute(attempt.batch_id)
    expire(attempt)
    batch_execute(attempt.batch_id)
    sweep()
    attempt.refresh_from_db()
    approved.refresh_from_db()
    assert (attempt.state, approved.state) == (AttemptState.PASSED, TicketState.VERIFIED)
    assert approved.jobs.get().state == JobState.PASSED
    assert ModelVersion.objects.count() == 2
    assert not work_path(attempt.batch_id).exists()
    ends = Counter(what for what in library.said() if what.startswith("end "))
    assert ends == {"end preregister": 1, "end unlearning npo": 1, "end verification npo": 1}
    targets = [leaf["data"]["target"] for leaf in leaves("attempt.moved")]
    assert targets == ["running", "passed"]
    assert len(leaves("verification.preregistered")) == 1
    assert log_verify().faults == ()


@pytest.mark.parametrize("step", ["facts_of", "certificate_issue", "ticket_move"])
def test_death_while_certifying_gives_one_certificate(
    approved: Ticket, library: Library, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    batch_execute(queued(approved).batch_id)
    dies(certification, step, monkeypatch, after=True)
    with pytest.raises(Killed):
        ticket_certify(ticket_id=approved.pk)
    ticket_certify(ticket_id=approved.pk)
    ticket_certify(ticket_id=approved.pk)
    approved.refresh_from_db()
    assert (approved.state, approved.outcome) == (TicketState.CLOSED, "certified")
    assert not hasattr(Ticket.objects.get(pk=approved.pk), "key")
    assert Certificate.objects.filter(ticket_id=approved.pk).count() == 1
    assert log_verify().faults == ()


def test_a_lease_is_had_by_one_and_the_token_fences_off_the_other(
    approved: Ticket, library: Library
) -> None:
    attempt = queued(approved)
    first = batch_acquire(attempt.batch_id)
    assert first == Lease(attempt.batch_id, 1)
    assert batch_acquire(attempt.batch_id) is None
    expire(attempt)
    second = batch_acquire(attempt.batch_id)
    assert second == Lease(attempt.batch_id, 2)
    assert first is not None and second is not None
    with pytest.raises(LeaseLost):
        lease_write(first, owner="I am still here")
    assert lease_renew(second) is False
    Attempt.objects.update(cancel_requested=True)
    assert lease_renew(second) is True


def test_an_attempt_that_loses_every_worker_is_given_up_and_tried_anew(
    approved: Ticket, library: Library, settings: Any
) -> None:
    settings.EXPUNGE_TAKEOVERS = 3
    attempt = queued(approved)
    for _ in range(3):
        assert batch_acquire(attempt.batch_id) is not None
        expire(attempt)
    assert batch_acquire(attempt.batch_id) is None
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.ERRORED and "3 times" in attempt.failure["message"]
    sweep()
    assert Attempt.objects.filter(state=AttemptState.QUEUED, number=2).exists()


def test_an_attempt_waits_while_every_place_is_taken(
    approved: Ticket, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = queued(approved)
    monkeypatch.setattr(FileLock, "acquire", lambda _: False)
    assert batch_execute(attempt.batch_id) is False
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.QUEUED


def test_unknown_ids_are_nobodys_business(approved: Ticket, library: Library) -> None:
    stray = Attempt().pk
    jobs_plan(ticket_id=stray)
    ticket_certify(ticket_id=stray)
    assert batch_execute(stray) is False
    assert connection.is_usable()
