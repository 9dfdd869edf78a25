"""What was certified is checked on every later version, and taken up again when it is back."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contract.report import CheckResult, Report, Verdict
from expunge.audit.selectors import log_verify
from expunge.certificates.models import Certificate
from expunge.common.clock import now
from expunge.jobs import review_execution
from expunge.jobs.certification import ticket_certify
from expunge.jobs.execution import batch_execute
from expunge.jobs.folder import work_path
from expunge.jobs.models import Attempt, Batch, Reverification
from expunge.jobs.review_execution import judged, review_execute
from expunge.jobs.reviews import reviews_plan
from expunge.jobs.services import jobs_plan
from expunge.jobs.states import AttemptState, BatchState, JobState, ReviewState
from expunge.jobs.sweep import sweep
from expunge.registry.models import Arm, DatasetVersion, ModelVersion, SuppressionAlert
from expunge.registry.selectors import scope_search
from expunge.registry.services import model_register, model_version_register
from expunge.tickets.holds import hold_place, hold_release
from expunge.tickets.models import Ticket
from expunge.tickets.services import ticket_close_unverified
from expunge.tickets.states import TicketState
from tests.expunge.conftest import FileTicket, RegisterVersion
from tests.expunge.factories import SYSTEM, People, leaves, model_folder, recipe
from tests.expunge.jobs.conftest import Approve
from tests.expunge.jobs.test_resuming import Killed, dies
from tests.expunge.jobs.workplace import Library

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_var"),
    pytest.mark.broker,
]


def finish(ticket: Ticket) -> Ticket:
    """Work on tickets until nothing is due, and certify this one."""
    jobs_plan(ticket_id=ticket.pk)
    while batch := Batch.objects.filter(state=BatchState.QUEUED).first():
        assert batch_execute(batch.pk)
        sweep()
    ticket_certify(ticket_id=ticket.pk)
    ticket.refresh_from_db()
    return ticket


@pytest.fixture
def certified(approved: Ticket) -> Ticket:
    ticket = finish(approved)
    assert (ticket.state, ticket.outcome) == (TicketState.CLOSED, "certified")
    return ticket


@pytest.fixture
def later(certified: Ticket, register_version: RegisterVersion) -> ModelVersion:
    """Return the next version of the model, made from the certified one."""
    return register_version(parent=certified.jobs.get().result)


def review() -> Reverification:
    sweep()
    return Reverification.objects.get()


def test_the_version_that_was_just_certified_is_not_checked_again(certified: Ticket) -> None:
    sweep()
    assert not Reverification.objects.exists()


def test_a_later_version_is_checked_once_and_the_certificate_stands(
    later: ModelVersion, certified: Ticket, library: Library
) -> None:
    found = review()
    assert (found.version, found.ticket, found.state) == (later, certified, ReviewState.QUEUED)
    assert review_execute(found.pk)
    sweep()
    found = Reverification.objects.get()
    assert found.state == ReviewState.HELD_UP
    assert found.report["candidate"] == later.digest
    assert found.report["preregistration"] == found.preregistration
    assert not Certificate.objects.get().is_revoked
    assert not review_execute(found.pk)
    assert Counter(library.said())["begin verification registered"] == 1
    assert not work_path(found.pk).exists()
    assert [leaf["data"]["target"] for leaf in leaves("reverification.moved")] == [
        "running",
        "held_up",
    ]


def test_a_version_under_another_name_is_checked_too(
    certified: Ticket, cast: People, tmp_path: Path
) -> None:
    other = model_register(actor=cast.carol, controller_id=cast.controller.pk, name="offspring")
    version = model_version_register(
        actor=cast.carol,
        model=other,
        uri=str(model_folder(tmp_path / "offspring", b"its own weights")),
        layout="whole",
        recipe=recipe(),
        uses=(),
        parent=certified.jobs.get().result,
    )
    reviews_plan()
    assert review().version == version


def test_an_erasure_for_somebody_else_makes_a_version_to_check(
    certified: Ticket, patients: DatasetVersion, file_ticket: FileTicket, approve: Approve
) -> None:
    (max_node,) = scope_search(SYSTEM, patients.dataset_id, "Max Beispiel")
    other = finish(approve(file_ticket(node_ids=[max_node.pk])))
    found = review()
    assert (found.ticket, found.version) == (certified, other.jobs.get().result)


def test_a_model_that_has_nothing_to_do_with_it_is_left_alone(
    certified: Ticket, cast: People, register_version: RegisterVersion
) -> None:
    stranger = model_register(actor=cast.carol, controller_id=cast.controller.pk, name="stranger")
    register_version(model=stranger)
    sweep()
    assert not Reverification.objects.exists()


def test_a_regression_revokes_reopens_and_is_worked_off_on_the_new_version(
    later: ModelVersion, certified: Ticket, library: Library
) -> None:
    library.plays(verification={"registered": "fail"})
    assert review_execute(review().pk)
    first = Certificate.objects.get()
    certified.refresh_from_db()
    assert Reverification.objects.get().state == ReviewState.REGRESSED
    assert (first.revoked_reason, certified.state) == ("regression", TicketState.IN_PROGRESS)
    assert finish(certified).outcome == "certified"
    old, new = certified.jobs.order_by("created_at")
    assert (new.cause, new.original, new.state) == ("regression", later, JobState.PASSED)
    assert new.result.parent == later and old.result == later.parent
    second = Certificate.objects.get(version=2)
    assert second.supersedes == first and not second.is_revoked
    predicate = json.loads(bytes(second.statement))["predicate"]
    assert predicate["supersedes"] == first.number and len(predicate["models"]) == 2
    sweep()
    assert Reverification.objects.count() == 1
    assert log_verify().faults == ()


@pytest.mark.parametrize("verdict", ["inconclusive", "invalid"])
def test_what_cannot_be_told_is_shown_and_revokes_nothing(
    later: ModelVersion, certified: Ticket, library: Library, verdict: str
) -> None:
    library.plays(verification={"registered": verdict})
    assert review_execute(review().pk)
    assert Reverification.objects.get().state == ReviewState.INCONCLUSIVE
    assert not Certificate.objects.get().is_revoked
    certified.refresh_from_db()
    assert certified.state == TicketState.CLOSED


def test_what_cannot_be_run_says_why_and_revokes_nothing(
    later: ModelVersion, library: Library
) -> None:
    library.plays(verification={"registered": "killed"})
    assert review_execute(review().pk)
    found = Reverification.objects.get()
    assert (found.state, found.failure["code"]) == (ReviewState.ERRORED, "crashed")
    assert not Certificate.objects.get().is_revoked


def test_only_a_check_that_was_passed_before_can_regress() -> None:
    def report(verdict: Verdict, *checks: tuple[str, Verdict]) -> Report:
        found = tuple(CheckResult(name, name, said, "Read.") for name, said in checks)
        return Report(verdict, "erasure", 1, "Said.", checks=found)

    before = report(Verdict.PASS, ("relearning", Verdict.PASS))
    failed = report(Verdict.FAIL, ("relearning", Verdict.FAIL))
    other = report(Verdict.FAIL, ("extraction", Verdict.FAIL))
    assert judged(failed, before) is ReviewState.REGRESSED
    assert judged(other, before) is ReviewState.INCONCLUSIVE
    assert judged(before, before) is ReviewState.HELD_UP


def test_tickets_come_first(
    later: ModelVersion, patients: DatasetVersion, file_ticket: FileTicket, approve: Approve
) -> None:
    (max_node,) = scope_search(SYSTEM, patients.dataset_id, "Max Beispiel")
    waiting = approve(file_ticket(node_ids=[max_node.pk]))
    jobs_plan(ticket_id=waiting.pk)
    assert not review_execute(review().pk)
    while batch := Batch.objects.filter(state=BatchState.QUEUED).first():
        batch_execute(batch.pk)
    assert review_execute(Reverification.objects.earliest("created_at").pk)


def test_it_can_be_turned_off(later: ModelVersion, settings: Any) -> None:
    settings.EXPUNGE_REVERIFY = False
    sweep()
    assert not Reverification.objects.exists()


@pytest.mark.parametrize("step", ["model_fetch", "plan_digest", "report_of", "review_conclude"])
def test_a_death_at_any_step_runs_nothing_twice(
    later: ModelVersion, library: Library, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    found = review()
    dies(review_execution, step, monkeypatch, after=True)
    with pytest.raises(Killed):
        review_execute(found.pk)
    expired = now() - timedelta(seconds=1)
    Reverification.objects.filter(pk=found.pk, state="running").update(lease_until=expired)
    review_execute(found.pk)
    assert Reverification.objects.get().state == ReviewState.HELD_UP
    said = Counter(library.said())
    assert said["end verification registered"] == 1
    assert said["end preregister"] == 2  # one for the attempt, one for the check


def test_a_person_who_is_trained_on_again_is_taken_out_again(
    certified: Ticket,
    patients: DatasetVersion,
    register_version: RegisterVersion,
) -> None:
    version = register_version(uses=[(patients, Arm.TRAINED)])
    sweep()
    alert = SuppressionAlert.objects.get()
    job = certified.jobs.get(cause="brought_back")
    assert (job.original, alert.job_id) == (version, job.pk)
    assert Certificate.objects.get().revoked_reason == "brought_back"
    assert finish(certified).outcome == "certified"
    sweep()
    alert.refresh_from_db()
    assert alert.state == "resolved"
    assert certified.jobs.count() == 2
    assert Certificate.objects.filter(revoked_at__isnull=True).count() == 1


def test_an_alert_that_a_crash_left_is_answered_by_the_sweep(
    certified: Ticket,
    patients: DatasetVersion,
    register_version: RegisterVersion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("expunge.jobs.receivers.alert_answer", lambda **_: None)
        register_version(uses=[(patients, Arm.TRAINED)])
    assert certified.jobs.count() == 1
    sweep()
    sweep()
    assert certified.jobs.count() == 2


def test_a_hold_over_the_model_stops_its_runs_and_its_release_resumes_them(
    approved: Ticket, cast: People, original: ModelVersion
) -> None:
    jobs_plan(ticket_id=approved.pk)
    hold = hold_place(
        actor=cast.alice,
        controller_id=cast.controller.pk,
        kind="model",
        target_id=original.model_id,
        reason="litigation",
        authority="District court, a case.",
    )
    sweep()
    approved.refresh_from_db()
    assert approved.state == TicketState.IN_PROGRESS
    assert Attempt.objects.get().state == AttemptState.CANCELLED
    assert Batch.objects.get().state == BatchState.OVER
    assert approved.jobs.get().state == JobState.RUNNING
    hold_release(actor=cast.alice, hold_id=hold.pk, reason="matter_closed", text="It is over.")
    sweep()
    assert finish(approved).outcome == "certified"
    states = list(Attempt.objects.order_by("number").values_list("state", flat=True))
    assert states == [AttemptState.CANCELLED, AttemptState.PASSED]


def test_a_ticket_closed_as_not_verified_gets_a_statement_that_is_no_certificate(
    approved: Ticket, library: Library, cast: People
) -> None:
    library.plays(verification=dict.fromkeys(("npo", "renew", "retrain"), "fail"))
    jobs_plan(ticket_id=approved.pk)
    while batch := Batch.objects.filter(state=BatchState.QUEUED).first():
        batch_execute(batch.pk)
    ticket_close_unverified(
        actor=cast.alice, ticket_id=approved.pk, reason="methods_exhausted", text="None worked."
    )
    sweep()
    ticket_certify(ticket_id=approved.pk)
    ticket_certify(ticket_id=approved.pk)
    document = Certificate.objects.get()
    assert (document.kind, document.is_certificate) == ("not_verified", False)
    assert document.title == "Statement of failed verification"
    predicate = json.loads(bytes(document.statement))["predicate"]
    tried = [attempt["method"] for attempt in predicate["models"][0]["attempts"]]
    assert tried == ["npo", "renew", "retrain"]
    approved.refresh_from_db()
    assert approved.state == TicketState.CLOSED
