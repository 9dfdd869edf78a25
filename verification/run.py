"""One job folder, from ``job.json`` to ``report.json``.

Whatever happens short of a kill, ``report.json`` is written: completed with a verdict, or failed
with a code and a sentence. An invalid model is a verdict; a missing one is a failure.
"""

from __future__ import annotations

import errno
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import torch

from contract.canonical import write_json
from contract.catalog import Effect
from contract.event import EventLog
from contract.job import VerificationJob
from contract.report import (
    PREREGISTRATION,
    PREREGISTRATION_FILE,
    CheckResult,
    Gate,
    Report,
    Verdict,
    write_report,
)
from contract.result import ErrorCode, Failure, JobError
from verification.opening import (
    digests_gate,
    open_job,
    open_model,
    open_records,
    preregistration_gate,
    served_records,
)
from verification.plan import package_versions, planned_checks, preregistration_of
from verification.policy import Evidence, decide
from verification.profiles import Profile
from verification.signals import NotFiniteError, Signals
from verification.spec import Context, Records
from verification.validity import statistical_gates


def preregister(folder: Path) -> str:
    """Write ``preregistration.json`` and return its digest; raises ``JobError``.

    Refuses a job that already names a candidate: the plan has to come first.
    """
    job, profile = open_job(folder)
    if job.candidate is not None:
        message = "the job already names a candidate; a preregistration has to come before it"
        raise JobError(ErrorCode.BAD_JOB, message)
    open_records(folder, job)
    plan = preregistration_of(folder, job, profile)
    write_json(folder / PREREGISTRATION_FILE, PREREGISTRATION.dump_python(plan, mode="json"))
    return plan.digest


def run(folder: Path) -> int:
    """Run the job of a folder; returns the exit code (0 a verdict was reached, 1 it failed)."""
    began = time.monotonic()
    stop = threading.Event()
    try:
        with _terminate_sets(stop):
            report = _run(folder, stop)
    except BaseException as error:  # noqa: BLE001 - the report must say so, whatever it was
        report = _failed(folder, error)
    write_report(folder, replace(report, seconds=round(time.monotonic() - began, 3)))
    return 1 if report.failure else 0


def _run(folder: Path, stop: threading.Event) -> Report:
    def pulse() -> None:
        if stop.is_set():
            raise JobError(ErrorCode.CANCELLED, "the verification was cancelled before it ended")

    EventLog(folder).emit("opening", "reading the job, its records and its models")
    job, profile = open_job(folder)
    records = open_records(folder, job)
    signals = Signals(pulse)
    gates: tuple[Gate, ...] = (
        digests_gate(folder, job),
        preregistration_gate(folder, job, profile),
    )
    results: tuple[CheckResult, ...] = ()
    if all(gate.verdict is Verdict.PASS for gate in gates):
        context = _context(folder, job, profile, records, signals)
        try:
            gates += statistical_gates(context)
            results = _checks(context)
        except NotFiniteError as error:
            gates += (_not_finite(error),)
    evidence = Evidence(
        gates=gates,
        checks=results,
        effect=None if job.effect is None else Effect(job.effect),
        records=len(records.forget),
        twins=len(records.twins),
        twin_subjects=len(records.twin_subjects),
    )
    report = _report(job, profile, evidence, signals)
    EventLog(folder).emit("finished", f"the verdict is {report.verdict.value}")
    return report


def _context(
    folder: Path, job: VerificationJob, profile: Profile, records: Records, signals: Signals
) -> Context:
    if job.candidate is None:
        raise JobError(ErrorCode.BAD_JOB, "the job names no candidate model to verify")
    torch.manual_seed(job.seed)
    device = _device(job)
    return Context(
        job=job,
        profile=profile,
        records=served_records(folder, job, records),
        original=open_model(folder, job, job.original, records, device),
        candidate=open_model(folder, job, job.candidate, records, device),
        references=tuple(open_model(folder, job, item, records, device) for item in job.references),
        signals=signals,
        events=EventLog(folder),
    )


def _checks(context: Context) -> tuple[CheckResult, ...]:
    """Run every check of the profile; each one's time goes with its (first) result."""
    results: list[CheckResult] = []
    planned = planned_checks(context.profile)
    for done, item in enumerate(planned.values()):
        context.signals.pulse()
        context.events.emit("checking", item.card.title, done=done, total=len(planned))
        began = time.monotonic()
        found = item.run(context, item.settings.validate_python({}))
        seconds = round((time.monotonic() - began) / max(len(found), 1), 3)
        results += [replace(result, seconds=seconds) for result in found]
    return tuple(results)


def _not_finite(error: NotFiniteError) -> Gate:
    return Gate(
        "finite",
        "The models answer with numbers",
        Verdict.INVALID,
        f"{error}; the model is broken and nothing can be read off it: make it again",
    )


def _report(job: VerificationJob, profile: Profile, evidence: Evidence, signals: Signals) -> Report:
    decision = decide(profile, evidence)
    return Report(
        verdict=decision.verdict,
        profile=profile.name,
        profile_version=profile.version,
        summary=decision.summary,
        tier=decision.tier,
        mechanism=decision.mechanism,
        gates=evidence.gates,
        checks=decision.checks,
        reasons=decision.reasons,
        limits=decision.limits,
        preregistration=job.preregistration,
        original=job.original.digest,
        candidate=job.candidate.digest if job.candidate else None,
        records=evidence.records,
        twins=evidence.twins,
        twin_subjects=evidence.twin_subjects,
        forward_passes=signals.forward_passes,
        device=str(_device(job)),
        seed=job.seed,
        versions=package_versions(),
    )


def _device(job: VerificationJob) -> torch.device:
    available = torch.cuda.is_available()
    if job.device == "cuda" and not available:
        message = "the job asks for a GPU and this machine has none; use device auto or cpu"
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    return torch.device("cuda" if available and job.device != "cpu" else "cpu")


@contextmanager
def _terminate_sets(stop: threading.Event) -> Iterator[None]:
    """Make SIGTERM ask the verification to stop at its next batch."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _failed(folder: Path, error: BaseException) -> Report:
    failure = failure_of(error)
    if failure.code is ErrorCode.CRASHED:
        sys.stderr.write("".join(traceback.format_tb(error.__traceback__)))
        sys.stderr.write(f"{type(error).__name__} (its message may hold record text: not shown)\n")
    name, number, seed = "unknown", 0, 0
    with suppress(JobError):
        job, profile = open_job(folder)
        name, number, seed = profile.name, profile.version, job.seed
    return Report(
        verdict=Verdict.INVALID,
        profile=name,
        profile_version=number,
        summary="The verification could not be carried out: " + failure.message,
        reasons=(failure.message,),
        seed=seed,
        failure=failure,
    )


def failure_of(error: BaseException) -> Failure:
    """Return the code and the sentence for an exception."""
    if isinstance(error, JobError):
        return Failure(error.code, error.message)
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Failure(ErrorCode.DISK_FULL, "the disk is full; free space and run it again")
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        message = "memory ran out; use a larger machine"
        return Failure(ErrorCode.OUT_OF_MEMORY, message)
    if isinstance(error, KeyboardInterrupt):
        return Failure(ErrorCode.CANCELLED, "the verification was interrupted before it ended")
    name = type(error).__name__
    message = f"the verification stopped with an unexpected {name}; see its error output"
    return Failure(ErrorCode.CRASHED, message)
