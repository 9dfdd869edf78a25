"""One ticket after another through planner, runner and conclusion, with the library double."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from expunge.audit.actions import AuditAction
from expunge.audit.selectors import log_verify
from expunge.jobs.conclusion import batch_conclude
from expunge.jobs.execution import batch_execute
from expunge.jobs.experience import trials_on
from expunge.jobs.facts import facts_of
from expunge.jobs.failures import LeaseLost
from expunge.jobs.folder import work_path
from expunge.jobs.ladder import plan_of
from expunge.jobs.leases import Lease
from expunge.jobs.models import Attempt, Batch, ErasureJob
from expunge.jobs.services import job_cancel, jobs_plan
from expunge.jobs.states import AttemptState, BatchState, JobState
from expunge.jobs.sweep import sweep
from expunge.jobs.track_record import Prior
from expunge.registry.models import Arm, DatasetVersion, ModelVersion, ScopeNode
from expunge.registry.selectors import scope_search, versions_touched
from expunge.tickets.models import Ticket
from expunge.tickets.services import ticket_hold, ticket_release, ticket_retry, ticket_withdraw
from expunge.tickets.states import TicketState
from tests.expunge.conftest import FileTicket, RegisterVersion
from tests.expunge.factories import SYSTEM, People, all_leaves, leaves
from tests.expunge.jobs.conftest import Approve
from tests.expunge.jobs.workplace import Library

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_var"),
    pytest.mark.broker,
]


def work(ticket: Ticket) -> Ticket:
    """Do what a worker does until nothing is due."""
    jobs_plan(ticket_id=ticket.pk)
    while batch := Batch.objects.filter(state=BatchState.QUEUED).first():
        assert batch_execute(batch.pk)
        sweep()
    ticket.refresh_from_db()
    return ticket


def ladder(ticket: Ticket) -> list[tuple[str, str]]:
    attempts = Attempt.objects.filter(job__ticket=ticket).order_by("created_at")
    return [(attempt.method, attempt.state) for attempt in attempts]


def why(ticket: Ticket) -> str:
    return str(ticket.moves.order_by("created_at").last().reason)  # type: ignore[union-attr]


def test_a_refuted_method_is_followed_by_a_stronger_one_until_it_passes(
    approved: Ticket, library: Library, original: ModelVersion, erika: ScopeNode
) -> None:
    library.plays(verification={"npo": "fail", "renew": "fail"})
    assert work(approved).state == TicketState.VERIFIED
    assert ladder(approved) == [("npo", "refuted"), ("renew", "refuted"), ("retrain", "passed")]
    job = approved.jobs.get()
    made = job.result
    assert job.state == JobState.PASSED and made is not None
    assert (made.parent, made.method, made.effect) == (original, "retrain", "exact")
    assert [erasure.node for erasure in made.erasures.all()] == [erika]
    assert versions_touched([erika]) == (original,)
    reasons = list(Attempt.objects.order_by("number").values_list("reason", flat=True))
    assert reasons[1] == "npo was refuted by relearning; escalating to renew"


def test_what_was_left_open_is_drawn_anew_with_its_own_seed_and_level_and_all_is_disclosed(
    approved: Ticket, library: Library
) -> None:
    inconclusive = {"npo": "fail", "renew": "inconclusive", "retrain": "inconclusive"}
    library.plays(verification=inconclusive)
    assert work(approved).state == TicketState.VERIFICATION_FAILED
    tried = ["npo", "renew", "renew", "retrain", "retrain"]
    assert ladder(approved) == [(method, "refuted") for method in tried]
    attempts = list(Attempt.objects.order_by("number"))
    assert len({attempt.seed for attempt in attempts}) == len(tried)
    assert [item.report["earlier_attempts"] for item in attempts] == [0, 1, 2, 3, 4]
    told = [fact.method for model in facts_of(approved).models for fact in model.attempts]
    assert told == tried


def test_nothing_is_unlearned_for_a_verification_that_nothing_could_pass(
    approved: Ticket, library: Library
) -> None:
    library.plays(preregister={"erasure": "hopeless"})
    assert work(approved).state == TicketState.VERIFIED
    assert ladder(approved) == [("npo", "errored"), ("renew", "errored"), ("retrain", "passed")]
    assert "begin unlearning npo" not in library.said()
    attempt = Attempt.objects.get(method="npo")
    assert attempt.failure["code"] == "cannot_be_verified"
    assert "too few records" in attempt.failure["message"]
    assert "could not have been verified" in Attempt.objects.get(method="renew").reason


def test_each_attempt_is_preregistered_in_the_log_before_the_model_exists(
    approved: Ticket, library: Library
) -> None:
    work(approved)
    assert library.said() == [
        *("begin preregister", "end preregister"),
        *("begin unlearning npo", "end unlearning npo"),
        *("begin verification npo", "end verification npo"),
    ]
    attempt = Attempt.objects.get()
    (leaf,) = leaves("verification.preregistered")
    assert leaf["data"]["digest"] == attempt.preregistration
    assert attempt.report["preregistration"] == attempt.preregistration
    assert log_verify().faults == ()


def test_no_folder_outlives_its_attempt_and_none_can_be_read_by_others(
    approved: Ticket, library: Library, settings: Any
) -> None:
    library.plays(verification={"npo": "fail"}, unlearning={"renew": "diverged"})
    seen: list[int] = []
    mode = Path.chmod

    def remember(path: Path, bits: int) -> None:
        mode(path, bits)
        seen.append(stat.S_IMODE(path.stat().st_mode))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "chmod", remember)
        work(approved)
    assert seen and set(seen) == {0o700}
    assert list(settings.EXPUNGE_ATTEMPTS_DIR.iterdir()) == []


def test_the_planner_learns_from_attempts_and_writes_its_plan_into_the_log(
    approved: Ticket,
    library: Library,
    original: ModelVersion,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.EXPUNGE_PLANNER = "learned"
    costs = {"npo": 0.1, "renew": 0.3, "retrain": 1.0}
    priors = {"erasure": {name: Prior(12, 12, cost) for name, cost in costs.items()}}
    monkeypatch.setattr("expunge.jobs.ladder.benchmark", lambda: priors)
    library.plays(verification={"npo": "fail"})
    work(approved)
    assert ladder(approved) == [("npo", "refuted"), ("renew", "passed")]
    seen = trials_on(original.model_id, approved.profile)
    assert {name: (own.tried, own.passed) for name, own in seen.items()} == {
        "npo": (1, 0),
        "renew": (1, 1),
    }
    attempts = list(Attempt.objects.order_by("number"))
    planned = leaves(AuditAction.ATTEMPT_PLANNED)
    assert [leaf["data"]["plan"] for leaf in planned] == [item.plan for item in attempts]
    assert [item.plan["order"][0] for item in attempts] == ["npo", "npo"]
    plan = plan_of(approved.jobs.get())
    assert plan is not None and plan.line("npo").chance < plan.line("renew").chance
    assert log_verify().faults == ()


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (["killed", "ok"], [("npo", "errored"), ("npo", "passed")]),
        (["out_of_memory", "ok"], [("npo", "errored"), ("npo", "passed")]),
        ("vanish", [("npo", "errored"), ("npo", "errored"), ("renew", "passed")]),
        ("diverged", [("npo", "errored"), ("renew", "passed")]),
    ],
)
def test_what_cannot_be_run_is_retried_or_left_behind(
    approved: Ticket, library: Library, told: Any, expected: list[tuple[str, str]]
) -> None:
    library.plays(unlearning={"npo": told})
    assert work(approved).state == TicketState.VERIFIED
    assert ladder(approved) == expected


def test_an_exhausted_ladder_is_visible_and_can_be_retried(
    approved: Ticket, library: Library, cast: People
) -> None:
    library.plays(
        verification=dict.fromkeys(("npo", "renew"), "fail") | {"retrain": ["fail", "ok"]}
    )
    assert work(approved).state == TicketState.VERIFICATION_FAILED
    assert why(approved) == "ladder_exhausted"
    ticket_retry(actor=cast.carol, ticket_id=approved.pk)
    assert work(approved).state == TicketState.VERIFIED
    assert ladder(approved)[-2:] == [("retrain", "refuted"), ("retrain", "passed")]
    first, second = Attempt.objects.filter(method="retrain").order_by("number")
    assert first.seed != second.seed


def test_a_missing_model_file_stops_with_a_sentence_and_a_retry_goes_on(
    approved: Ticket, library: Library, original: ModelVersion, cast: People, tmp_path: Path
) -> None:
    folder = Path(original.uri)
    folder.rename(tmp_path / "away")
    assert work(approved).state == TicketState.VERIFICATION_FAILED
    assert why(approved) == "artifact_missing"
    failure = Attempt.objects.get().failure
    assert failure["code"] == "artifact_missing" and "Put them back" in failure["message"]
    (tmp_path / "away").rename(folder)
    ticket_retry(actor=cast.carol, ticket_id=approved.pk)
    assert work(approved).state == TicketState.VERIFIED


@pytest.mark.parametrize("what", ["model", "dataset"])
def test_changed_input_is_refused(
    approved: Ticket, library: Library, original: ModelVersion, patients: DatasetVersion, what: str
) -> None:
    version: Any = {"model": original, "dataset": patients}[what]
    with next(item for item in Path(version.uri).iterdir() if item.is_file()).open("a") as file:
        file.write("\n")
    assert work(approved).state == TicketState.VERIFICATION_FAILED
    assert why(approved) == {"model": "artifact_changed", "dataset": "dataset_changed"}[what]
    assert library.runs() == []


def test_a_verifier_that_refuses_the_plan_says_why(approved: Ticket, library: Library) -> None:
    library.plays(preregister={"erasure": "data_missing"})
    assert work(approved).state == TicketState.VERIFICATION_FAILED
    assert why(approved) == "data_missing"
    assert Attempt.objects.get().failure["message"] == "The double was told to refuse."


def test_a_full_disk_stops_with_a_sentence(
    approved: Ticket, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    monkeypatch.setattr("expunge.jobs.folder.write_records", full)
    assert work(approved).state == TicketState.VERIFICATION_FAILED
    assert why(approved) == "disk_full"
    assert "Free space" in Attempt.objects.get().failure["message"]


def test_a_subject_in_no_model_closes_the_ticket_with_that_outcome(
    patients: DatasetVersion, file_ticket: FileTicket, approve: Approve, library: Library
) -> None:
    ticket = work(approve(file_ticket()))
    assert (ticket.state, ticket.outcome) == (TicketState.CLOSED, "nothing_held")


def test_two_tickets_for_one_model_take_turns_and_build_on_each_other(  # noqa: PLR0913, PLR0917 - fixtures
    approved: Ticket,
    library: Library,
    original: ModelVersion,
    patients: DatasetVersion,
    file_ticket: FileTicket,
    approve: Approve,
) -> None:
    (max_node,) = scope_search(SYSTEM, patients.dataset_id, "Max Beispiel")
    other = approve(file_ticket(node_ids=[max_node.pk]))
    jobs_plan(ticket_id=approved.pk)
    jobs_plan(ticket_id=other.pk)
    assert Attempt.objects.count() == 1
    work(approved)
    other.refresh_from_db()
    assert other.state == TicketState.VERIFIED
    first, second = approved.jobs.get().result, other.jobs.get().result
    assert first is not None and second is not None and second.parent == first


def test_an_erasure_that_another_ticket_did_meanwhile_is_not_done_twice(
    approved: Ticket, library: Library, file_ticket: FileTicket, approve: Approve
) -> None:
    other = approve(file_ticket())
    jobs_plan(ticket_id=approved.pk)
    jobs_plan(ticket_id=other.pk)
    work(approved)
    other.refresh_from_db()
    assert other.state == TicketState.VERIFIED
    assert other.jobs.get().result == approved.jobs.get().result
    assert not Attempt.objects.filter(job__ticket=other).exists()


def test_every_model_that_learned_the_person_gets_a_job_of_its_own(
    approved: Ticket, library: Library, original: ModelVersion, register_version: RegisterVersion
) -> None:
    tuned = register_version(parent=original)
    assert work(approved).state == TicketState.VERIFIED
    assert {job.original for job in approved.jobs.all()} == {original, tuned}


def test_a_legal_hold_stops_the_work_and_its_release_resumes_it(
    approved: Ticket, library: Library, cast: People
) -> None:
    jobs_plan(ticket_id=approved.pk)
    ticket_hold(actor=cast.alice, ticket_id=approved.pk, reason="litigation", text="A case.")
    assert ladder(approved) == [("npo", "cancelled")]
    assert approved.jobs.get().state == JobState.CANCELLED
    sweep()
    assert not Attempt.objects.filter(state=AttemptState.QUEUED).exists()
    ticket_release(actor=cast.alice, ticket_id=approved.pk, reason="matter_closed", text="Over.")
    assert work(approved).state == TicketState.VERIFIED
    assert ladder(approved) == [("npo", "cancelled"), ("npo", "passed")]


def test_a_withdrawn_ticket_stops_the_work(
    approved: Ticket, library: Library, cast: People
) -> None:
    jobs_plan(ticket_id=approved.pk)
    ticket_withdraw(actor=cast.carol, ticket_id=approved.pk, reason="by_person", text="She called.")
    assert work(approved).state == TicketState.WITHDRAWN
    assert ladder(approved) == [("npo", "cancelled")]


def test_a_cancelled_job_leaves_its_ticket_not_verified_and_retryable(
    approved: Ticket, library: Library, cast: People
) -> None:
    jobs_plan(ticket_id=approved.pk)
    job_cancel(actor=cast.carol, job_id=approved.jobs.get().pk)
    assert work(approved).state == TicketState.VERIFICATION_FAILED
    assert why(approved) == "cancelled"
    ticket_retry(actor=cast.carol, ticket_id=approved.pk)
    assert work(approved).state == TicketState.VERIFIED


def test_a_model_that_learned_nothing_of_a_ticket_is_not_touched(
    approved: Ticket, library: Library, register_version: RegisterVersion
) -> None:
    stranger = register_version()
    work(approved)
    assert not ErasureJob.objects.filter(original=stranger).exists()


def test_the_libraries_get_no_secret_and_no_network(
    approved: Ticket, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("EXPUNGE_SECRET_KEY", "secret")
    main = library.folder / "unlearning" / "__main__.py"
    report = (
        f"import json, os; json.dump(dict(os.environ), open({str(library.folder / 'env')!r}, 'w'))"
    )
    main.write_text(f"{report}\n", encoding="utf-8")
    work(approved)
    seen = json.loads((library.folder / "env").read_text(encoding="utf-8"))
    assert not {
        name for name in seen if name.startswith(("EXPUNGE", "DATABASE", "REDIS", "DJANGO"))
    }
    assert seen["HF_HUB_OFFLINE"] == "1"
    assert "secret" not in json.dumps(seen)
    assert set(seen) - set(os.environ) >= {"HF_HOME", "TMPDIR"} - set(os.environ)


def test_nothing_personal_reaches_the_audit_log(approved: Ticket, library: Library) -> None:
    library.plays(verification={"npo": "fail"})
    work(approved)
    written = all_leaves()
    assert b"Mustermann" not in written and b"Clinic" not in written and b"r-0000" not in written


def test_the_result_of_a_stale_lease_is_refused(
    approved: Ticket, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(lease: Lease, *given: Any) -> None:
        Batch.objects.filter(pk=lease.work_id).update(token=lease.token + 1)
        with pytest.raises(LeaseLost):
            batch_conclude(lease, *given)
        raise LeaseLost

    monkeypatch.setattr("expunge.jobs.execution.batch_conclude", slow)
    jobs_plan(ticket_id=approved.pk)
    attempt = Attempt.objects.get()
    batch_execute(attempt.batch_id)
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.RUNNING
    assert ModelVersion.objects.count() == 1
    assert work_path(attempt.batch_id).is_dir()
    assert not any((tmp_path / "artifacts" / "erasures" / str(attempt.batch_id)).glob("*"))


def test_the_trained_arm_of_a_dataset_is_what_counts(
    library: Library, patients: DatasetVersion, original: ModelVersion
) -> None:
    assert {use.arm for use in original.training_uses.all()} == {Arm.TRAINED}


def test_a_run_beyond_the_time_limit_is_ended_and_left_for_a_stronger_method(
    approved: Ticket, library: Library, settings: Any
) -> None:
    settings.EXPUNGE_ATTEMPT_SECONDS = 2
    library.hold("unlearning")
    jobs_plan(ticket_id=approved.pk)
    assert batch_execute(Batch.objects.get().pk)
    library.release("unlearning")
    first, second = Attempt.objects.order_by("number")
    assert (first.failure["code"], second.method) == ("timed_out", "renew")
    assert second.reason == "npo took longer than allowed; escalating to renew"
