"""The job folder: what is refused, what is invalid, and what is only reported."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.candidates import World, prepared
from contract.event import read_events
from contract.job import ModelRef, VerificationJob, write_job
from contract.manifest import folder_digest
from contract.record import Form, read_records, write_records
from contract.report import Gate, Report, Verdict, read_report
from contract.result import ErrorCode, JobError
from verification.families.causal_lm import load
from verification.run import preregister, run

pytestmark = pytest.mark.training

MakeWorld = Callable[[int], World]


@pytest.fixture
def place(hospital: MakeWorld) -> World:
    return hospital(0)


@pytest.fixture
def planned(place: World, tmp_path: Path) -> VerificationJob:
    """Return a preregistered job whose candidate is a copy of the original."""
    shutil.copytree(place.original(), tmp_path / "candidate")
    job = prepared(place, place.persons[0], tmp_path, "behavioural")
    return replace(job, preregistration=preregister(tmp_path))


def with_candidate(folder: Path, job: VerificationJob) -> VerificationJob:
    named = replace(job, candidate=ModelRef("candidate", folder_digest(folder / "candidate")))
    write_job(folder, named)
    return named


def ran(folder: Path) -> Report:
    assert run(folder) == 0
    return read_report(folder)


def gate(report: Report, name: str) -> Gate:
    return next(item for item in report.gates if item.name == name)


def test_a_verdict_names_its_plan_and_its_models(planned: VerificationJob, tmp_path: Path) -> None:
    job = with_candidate(tmp_path, planned)
    report = ran(tmp_path)
    assert report.verdict is Verdict.FAIL
    assert report.preregistration == planned.preregistration
    assert report.original == job.original.digest and job.candidate is not None
    assert report.candidate == job.candidate.digest
    assert report.limits and report.forward_passes > 0
    assert {event.phase for event in read_events(tmp_path)[0]} >= {
        "opening",
        "checking",
        "finished",
    }


def test_without_a_preregistration_nothing_is_valid(
    planned: VerificationJob, tmp_path: Path
) -> None:
    with_candidate(tmp_path, replace(planned, preregistration=None))
    report = ran(tmp_path)
    assert report.verdict is Verdict.INVALID
    assert gate(report, "preregistration").verdict is Verdict.INVALID


def test_a_plan_changed_afterwards_makes_the_verification_invalid(
    planned: VerificationJob, tmp_path: Path
) -> None:
    with_candidate(tmp_path, replace(planned, seed=99))
    report = ran(tmp_path)
    assert report.verdict is Verdict.INVALID
    assert "seed" in gate(report, "preregistration").reason
    assert report.checks == ()


def test_records_changed_afterwards_make_the_verification_invalid(
    planned: VerificationJob, tmp_path: Path
) -> None:
    with_candidate(tmp_path, planned)
    twins = list(read_records(tmp_path / "data/twins.jsonl"))
    write_records(tmp_path / "data/twins.jsonl", twins[1:])
    report = ran(tmp_path)
    assert report.verdict is Verdict.INVALID
    assert "data" in gate(report, "preregistration").reason


def test_another_model_than_the_named_one_is_invalid(
    planned: VerificationJob, tmp_path: Path
) -> None:
    with_candidate(tmp_path, planned)
    (tmp_path / "candidate" / "added.txt").write_text("Mallory was here")
    report = ran(tmp_path)
    assert report.verdict is Verdict.INVALID
    assert "candidate" in gate(report, "digests").reason


def test_the_plan_has_to_come_before_the_candidate(
    planned: VerificationJob, tmp_path: Path
) -> None:
    with_candidate(tmp_path, planned)
    with pytest.raises(JobError, match="before"):
        preregister(tmp_path)


def test_a_plan_is_the_same_for_the_same_job(planned: VerificationJob, tmp_path: Path) -> None:
    write_job(tmp_path, replace(planned, preregistration=None))
    assert preregister(tmp_path) == planned.preregistration


def test_a_model_that_answers_nan_is_invalid_and_no_crash(
    planned: VerificationJob, tmp_path: Path
) -> None:
    broken = load(tmp_path / "candidate", key="broken")
    with torch.no_grad():
        next(broken.model.parameters()).fill_(float("nan"))
    broken.model.save_pretrained(tmp_path / "candidate")
    with_candidate(tmp_path, planned)
    report = ran(tmp_path)
    assert report.verdict is Verdict.INVALID
    assert "candidate" in gate(report, "answers").reason


def test_twins_of_another_kind_cannot_lead_to_a_pass(
    candidate: Callable[[int, int, str], tuple[World, Path]], tmp_path: Path
) -> None:
    place, model = candidate(0, 0, "retrain")
    shutil.copytree(model, tmp_path / "candidate")
    job = prepared(place, place.persons[0], tmp_path, "behavioural")
    strange = [
        replace(
            twin,
            forms={
                name: Form(f"Once upon a time: {form.prompt}", form.answer, form.wrong)
                for name, form in twin.forms.items()
            },
        )
        for twin in read_records(tmp_path / "data/twins.jsonl")
    ]
    write_records(tmp_path / "data/twins.jsonl", strange)
    with_candidate(tmp_path, replace(job, preregistration=preregister(tmp_path)))
    report = ran(tmp_path)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert gate(report, "blind_baseline").verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ("data/twins.jsonl", ErrorCode.DATA_MISSING),
        ("candidate", ErrorCode.MODEL_MISSING),
        ("job.json", ErrorCode.BAD_JOB),
    ],
)
def test_what_is_missing_is_a_failure_with_a_sentence(
    planned: VerificationJob, tmp_path: Path, missing: str, code: ErrorCode
) -> None:
    with_candidate(tmp_path, planned)
    target = tmp_path / missing
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    assert run(tmp_path) == 1
    failure = read_report(tmp_path).failure
    assert failure is not None and failure.code is code and failure.message


def test_an_empty_scope_is_refused(planned: VerificationJob, tmp_path: Path) -> None:
    with_candidate(tmp_path, planned)
    (tmp_path / "data/forget.jsonl").write_text("")
    assert run(tmp_path) == 1
    failure = read_report(tmp_path).failure
    assert failure is not None and failure.code is ErrorCode.EMPTY_FORGET_SET


def test_a_report_holds_no_record_text(planned: VerificationJob, tmp_path: Path) -> None:
    with_candidate(tmp_path, planned)
    run(tmp_path)
    written = "".join((tmp_path / name).read_text() for name in ("report.json", "events.jsonl"))
    for record in read_records(tmp_path / "data/forget.jsonl"):
        assert record.path[1] not in written
        assert record.forms["question"].prompt not in written


def test_a_terminated_verification_says_that_it_was_cancelled(
    planned: VerificationJob, tmp_path: Path
) -> None:
    with_candidate(tmp_path, replace(planned))
    process = subprocess.Popen([sys.executable, "-m", "verification", "run", str(tmp_path)])
    while not read_events(tmp_path)[0]:
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 1
    failure = read_report(tmp_path).failure
    assert failure is not None and failure.code is ErrorCode.CANCELLED


def test_the_catalog_lists_every_check_with_its_settings() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "verification", "catalog"], check=True, capture_output=True
    ).stdout
    catalog = json.loads(printed)
    assert {item["name"] for item in catalog["checks"]} >= {
        "concept_vectors",
        "extraction",
        "membership",
        "relearning",
        "residual",
        "utility",
    }
    assert {item["name"] for item in catalog["profiles"]} >= {"behavioural", "erasure", "exact"}
