"""Does what a verification library does, but for the verification."""

from __future__ import annotations

import sys
from pathlib import Path

import stage

from contract.canonical import digest_file, write_json
from contract.event import EventLog
from contract.job import VerificationJob, read_job
from contract.manifest import folder_digest
from contract.record import read_records
from contract.report import (
    OUTLOOK,
    OUTLOOK_FILE,
    PREREGISTRATION,
    PREREGISTRATION_FILE,
    CheckResult,
    Outlook,
    Preregistration,
    Report,
    Tier,
    Verdict,
    write_report,
)


def preregister(folder: Path) -> int:
    """Fix seed and data."""
    job = read_job(folder, VerificationJob)
    if job.candidate is not None:
        return 3
    stage.note("begin preregister", folder)
    stage.wait_at("preregister")
    told = stage.outcome("preregister", job.profile)
    if told not in {"ok", "hopeless"}:
        sys.stderr.write(f"{told}: The double was told to refuse.\n")
        return 1
    content = PREREGISTRATION.dump_python(_plan(folder, job), mode="json")
    write_json(folder / PREREGISTRATION_FILE, content)
    hopeless = ("there are too few records",) if told == "hopeless" else ()
    found = OUTLOOK.dump_python(Outlook((), hopeless), mode="json")
    write_json(folder / OUTLOOK_FILE, found)
    stage.note("end preregister", folder)
    return 0


def _plan(folder: Path, job: VerificationJob) -> Preregistration:
    """Return the plan as it follows from the job: whatever is in it must not change later."""
    files = sorted((folder / "data").iterdir())
    data = {item.name: digest_file(item) for item in files}
    return Preregistration({"seed": job.seed, "effect": job.effect, "data": data})


def _listed(folder: Path, job: VerificationJob) -> bool:
    """Say whether the job lists what was trained on, without what was to be forgotten."""
    forget = {item.id for item in read_records(folder / job.data.forget)}
    listed = {item.id for name in job.lineage for item in read_records(folder / name)}
    return bool(listed) and listed.isdisjoint(forget)


def run(folder: Path) -> int:
    """Write the report that the scenario wants for the candidate's method."""
    job = read_job(folder, VerificationJob)
    if job.candidate is None or _plan(folder, job).digest != job.preregistration:
        return 3
    if job.effect == "exact" and not _listed(folder, job):
        return 3
    candidate = folder / job.candidate.path
    made_by = candidate / "method.txt"
    method = made_by.read_text(encoding="utf-8") if made_by.exists() else "registered"
    stage.note(f"begin verification {method}", folder)
    EventLog(folder).emit("attacking", "relearning", done=1, total=3)
    stage.wait_at("verification")
    told = stage.outcome("verification", method)
    stage.act(told)
    verdict = Verdict.PASS if told == "ok" else Verdict(told)
    check = CheckResult(
        "relearning", "Does it come back?", verdict, "It was tried.", attack="relearn-forget-16"
    )
    report = Report(
        verdict,
        job.profile,
        1,
        f"The verdict is {verdict}.",
        tier=Tier.ERASURE if verdict is Verdict.PASS else None,
        checks=(check,),
        preregistration=job.preregistration,
        original=job.original.digest,
        candidate=folder_digest(candidate),
        seed=job.seed,
        earlier_attempts=job.earlier_attempts,
    )
    write_report(folder, report)
    stage.note(f"end verification {method}", folder)
    return 0


if __name__ == "__main__":
    stage.heed_termination()
    command = {"run": run, "preregister": preregister}[sys.argv[1]]
    sys.exit(command(Path(sys.argv[2])))
