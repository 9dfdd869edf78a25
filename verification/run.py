"""One job folder, from ``job.json`` to ``report.json`` and the same to read, ``report.html``.

Whatever happens short of a kill, ``report.json`` is written: completed with a verdict, or failed
with a code and a sentence. An invalid model is a verdict; a missing one is a failure.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from contract.canonical import write_json
from contract.catalog import Effect
from contract.event import EventLog
from contract.job import VerificationJob
from contract.page import write_page
from contract.report import (
    OUTLOOK,
    OUTLOOK_FILE,
    PREREGISTRATION,
    PREREGISTRATION_FILE,
    CheckResult,
    Gate,
    Outlook,
    Report,
    Verdict,
    write_report,
)
from contract.result import ErrorCode, JobError
from contract.running import failure_of, terminate_sets
from verification.answers import answers_gate, not_finite_gate
from verification.checking import run_steps
from verification.controls import lineage_gate, sham_gate
from verification.families import device_for
from verification.opening import (
    digests_gate,
    open_job,
    open_model,
    open_records,
    preregistration_gate,
    served_records,
)
from verification.plan import package_versions, planned_steps, preregistration_of
from verification.policy import Evidence, decide, outlook
from verification.profiles import Profile
from verification.signals import NotFiniteError, Signals
from verification.spec import Context, Records
from verification.stored import Stored
from verification.validity import statistical_gates
from verification.whole import whole_gates


def preregister(folder: Path) -> str:
    """Write ``preregistration.json`` and return its digest; raises ``JobError``.

    Refuses a job that already names a candidate: the plan has to come first. The gates that need
    no candidate are evaluated at once and written to ``gates.json``, so that a verification that
    nothing could ever pass is known before anything is unlearned.
    """
    job, profile = open_job(folder)
    if job.candidate is not None:
        message = "the job already names a candidate; a preregistration has to come before it"
        raise JobError(ErrorCode.BAD_JOB, message)
    records = open_records(folder, job)
    plan = preregistration_of(folder, job, profile)
    write_json(folder / PREREGISTRATION_FILE, PREREGISTRATION.dump_python(plan, mode="json"))
    gates = _early_gates(folder, job, profile, records)
    found = Outlook(gates, outlook(profile, gates))
    write_json(folder / OUTLOOK_FILE, OUTLOOK.dump_python(found, mode="json"))
    return plan.digest


def _early_gates(
    folder: Path, job: VerificationJob, profile: Profile, records: Records
) -> tuple[Gate, ...]:
    """Evaluate the gates that look at the original and the texts alone."""
    context = _context(folder, job, profile, records, Signals())
    try:
        return statistical_gates(context)
    except NotFiniteError as error:
        return (not_finite_gate(context, error),)


def run(folder: Path, signals: Signals | None = None) -> int:
    """Run the job of a folder; returns the exit code (0 a verdict was reached, 1 it failed).

    ``signals`` holds what models answered in earlier verifications of this process, if any: a
    model with the same digest is not asked again. The report counts what was asked anew.
    """
    began = time.monotonic()
    stop = threading.Event()
    try:
        with terminate_sets(stop):
            report = _run(folder, stop, signals or Signals())
    except BaseException as error:  # noqa: BLE001 - the report must say so, whatever it was
        report = _failed(folder, error)
    report = replace(report, seconds=round(time.monotonic() - began, 3))
    write_report(folder, report)
    write_page(folder, report)
    return 1 if report.failure else 0


def _run(folder: Path, stop: threading.Event, signals: Signals) -> Report:
    def pulse() -> None:
        if stop.is_set():
            raise JobError(ErrorCode.CANCELLED, "the verification was cancelled before it ended")

    EventLog(folder).emit("opening", "reading the job, its records and its models")
    job, profile = open_job(folder)
    records = open_records(folder, job)
    signals.pulse = pulse
    before = signals.forward_passes, signals.tokens
    gates: tuple[Gate, ...] = (
        digests_gate(folder, job),
        preregistration_gate(folder, job, profile),
    )
    results: tuple[CheckResult, ...] = ()
    if all(gate.verdict is Verdict.PASS for gate in gates):
        context = _context(folder, job, profile, records, signals)
        try:
            gates += (answers_gate(context),)
            if gates[-1].verdict is Verdict.PASS:
                gates += whole_gates(folder, job, context)
                gates += statistical_gates(context)
                gates += lineage_gate(folder, job, profile, records) + sham_gate(folder, context)
                steps = planned_steps(profile, job.also)
                results = run_steps(context, steps, Stored(folder, job, profile))
        except NotFiniteError as error:
            gates += (not_finite_gate(context, error),)
    evidence = Evidence(
        gates=gates,
        checks=results,
        effect=None if job.effect is None else Effect(job.effect),
        records=len(records.forget),
        twins=len(records.twins),
        twin_subjects=len(records.twin_subjects),
        earlier_attempts=job.earlier_attempts,
    )
    report = _report(job, profile, evidence, signals)
    report = replace(
        report,
        forward_passes=report.forward_passes - before[0],
        tokens=report.tokens - before[1],
    )
    EventLog(folder).emit("finished", f"the verdict is {report.verdict.value}")
    return report


def _context(
    folder: Path, job: VerificationJob, profile: Profile, records: Records, signals: Signals
) -> Context:
    """Open the models; before there is a candidate the original stands in its place."""
    torch.manual_seed(job.seed)
    device = device_for(job.device)
    original = open_model(folder, job, job.original, records, device)
    candidate = original
    if job.candidate is not None:
        candidate = open_model(folder, job, job.candidate, records, device).read_like(original)
    return Context(
        job=job,
        profile=profile,
        records=served_records(folder, job, records),
        original=original,
        candidate=candidate,
        references=tuple(open_model(folder, job, item, records, device) for item in job.references),
        signals=signals,
        events=EventLog(folder),
        folder=folder,
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
        limits=(*decision.limits, *_cut(signals)),
        remedies=decision.remedies,
        alpha=profile.alpha,
        earlier_attempts=job.earlier_attempts,
        preregistration=job.preregistration,
        original=job.original.digest,
        candidate=job.candidate.digest if job.candidate else None,
        records=evidence.records,
        twins=evidence.twins,
        twin_subjects=evidence.twin_subjects,
        forward_passes=signals.forward_passes,
        tokens=signals.tokens,
        device=str(device_for(job.device)),
        seed=job.seed,
        versions=package_versions(),
    )


def _cut(signals: Signals) -> tuple[str, ...]:
    if not signals.cut:
        return ()
    return (
        f"{signals.cut} prompts were longer than the models' context and lost their beginning.",
    )


def _failed(folder: Path, error: BaseException) -> Report:
    failure = failure_of(error, "verification")
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
