"""From a job folder to models and records, with every way in which that can go wrong.

What is missing or malformed is a :class:`contract.result.JobError`; what is there but is not what
was registered is a failed gate, because that makes the verification invalid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from pydantic import ValidationError

from contract.canonical import read_json
from contract.job import ModelRef, VerificationJob, read_job
from contract.manifest import model_digest
from contract.record import Record, read_records
from contract.report import PREREGISTRATION, PREREGISTRATION_FILE, Gate, Verdict
from contract.result import ErrorCode, JobError
from verification.families import family
from verification.families.causal_lm import CausalLM, shard_of, shard_records
from verification.plan import DATA, differences, preregistration_of
from verification.profiles import Profile, find_profile
from verification.spec import Records


def open_job(folder: Path) -> tuple[VerificationJob, Profile]:
    """Read the job and its profile; raises ``BAD_JOB``."""
    try:
        job = read_job(folder, VerificationJob)
        return job, find_profile(job.profile).at_attempt(job.earlier_attempts)
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, item["loc"])) for item in error.errors()}))
        message = f"job.json is not a valid verification job (look at: {fields})"
        raise JobError(ErrorCode.BAD_JOB, message) from error
    except (ValueError, KeyError) as error:
        raise JobError(ErrorCode.BAD_JOB, f"the job cannot be read: {error.args[0]}") from error


def open_records(folder: Path, job: VerificationJob) -> Records:
    """Read the record files; raises ``DATA_MISSING``, ``BAD_JOB`` or ``EMPTY_FORGET_SET``."""
    sets = {name: _records(folder, job, name) for name in DATA if getattr(job.data, name)}
    sets.setdefault("population", (*sets["neighbours"], *sets["retain"]))
    if not sets["forget"]:
        message = "the scope of this job matches no record; there is nothing to verify"
        raise JobError(ErrorCode.EMPTY_FORGET_SET, message)
    if not sets["twins"]:
        message = "there are no never-trained twins; nothing can be shown without a comparison"
        raise JobError(ErrorCode.DATA_MISSING, message)
    ids = {record.id for record in sets["forget"]}
    others = (record for name, records in sets.items() if name != "forget" for record in records)
    if any(record.id in ids for record in others):
        message = "some forget records are in another set of the job too; keep them in one"
        raise JobError(ErrorCode.BAD_JOB, message)
    _complain(job, sets)
    return Records(**sets, subject_level=job.data.subject_level)


def _complain(job: VerificationJob, sets: Mapping[str, Sequence[Record]]) -> None:
    """Raise ``BAD_JOB`` for records that nothing can be asked about."""
    for name, records in sets.items():
        if any(not form.answer.strip() for record in records for form in record.forms.values()):
            message = f"some {name} records have an empty answer; give them one or leave them out"
            raise JobError(ErrorCode.BAD_JOB, message)
    for name in ("forget", "twins"):
        if not any(form in record.forms for record in sets[name] for form in job.forms):
            message = (
                f"none of the {name} records has one of the forms the model was trained on "
                f"({', '.join(job.forms)}); name those forms in the job"
            )
            raise JobError(ErrorCode.BAD_JOB, message)


def _records(folder: Path, job: VerificationJob, name: str) -> tuple[Record, ...]:
    try:
        return tuple(read_records(folder / getattr(job.data, name)))
    except FileNotFoundError as error:
        message = f"the file of the {name} records is missing from the job folder"
        raise JobError(ErrorCode.DATA_MISSING, message) from error
    except ValueError as error:
        raise JobError(ErrorCode.BAD_JOB, str(error)) from error


def served_records(folder: Path, job: VerificationJob, records: Records) -> Records:
    """For a sharded model, keep of the retained records those the affected shard answers for."""
    if job.original.layout == "whole":
        return records
    path = folder / job.original.path
    shard = shard_of(path, (record.id for record in records.forget))
    own = shard_records(path)[shard]
    return replace(
        records,
        neighbours=tuple(record for record in records.neighbours if record.id in own),
        retain=tuple(record for record in records.retain if record.id in own),
    )


def open_model(
    folder: Path, job: VerificationJob, model: ModelRef, records: Records, device: torch.device
) -> CausalLM:
    """Load a model; a sharded one as the affected shard is served. Its key is its digest."""
    family(model.family)
    if model.layout == "guard":
        message = "a guard contains answers at serving; a verification looks at the weights alone"
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    shard = None
    if model.layout == "sharded":
        # The original says which shard knew the records; in the candidate they are in none.
        shard = shard_of(folder / job.original.path, (record.id for record in records.forget))
    return load_checked(folder / model.path, model, shard, device)


def load_checked(path: Path, model: ModelRef, shard: str | None, device: torch.device) -> CausalLM:
    """Load through the family, with a sentence for a folder that is not there."""
    if not path.is_dir():
        message = "a model folder of the job is missing; restore it from the model's artifact"
        raise JobError(ErrorCode.MODEL_MISSING, message)
    loaded: CausalLM = family(model.family).load(path, key=model.digest, shard=shard, device=device)
    return loaded


def digests_gate(folder: Path, job: VerificationJob) -> Gate:
    """Compare every model folder with the digest the job names."""
    title = "The models are those that were registered"
    models = {"original": job.original, "candidate": job.candidate}
    models |= {f"reference {index}": item for index, item in enumerate(job.references, start=1)}
    models |= {
        f"sham {index}": item.model for index, item in enumerate(job.shams, start=1) if item.model
    }
    changed = []
    for name, model in models.items():
        if model is None:
            message = "the job names no candidate model to verify"
            raise JobError(ErrorCode.BAD_JOB, message)
        try:
            if model_digest(folder / model.path) != model.digest:
                changed.append(name)
        except FileNotFoundError as error:
            message = f"the folder of the {name} model is missing or empty"
            raise JobError(ErrorCode.MODEL_MISSING, message) from error
    if changed:
        reason = f"the files of the {' and the '.join(changed)} model differ from their digest"
        return Gate("digests", title, Verdict.INVALID, reason)
    return Gate("digests", title, Verdict.PASS, "every model folder has the digest the job names")


def preregistration_gate(folder: Path, job: VerificationJob, profile: Profile) -> Gate:
    """Compare what is about to be done with what was fixed before the candidate was seen."""
    title = "The tests were fixed before the model was seen"
    path = folder / PREREGISTRATION_FILE
    if job.preregistration is None or not path.is_file():
        reason = "there is no preregistration; run `python -m verification preregister` first"
        return Gate("preregistration", title, Verdict.INVALID, reason)
    try:
        planned = PREREGISTRATION.validate_python(read_json(path))
    except ValueError:
        return Gate("preregistration", title, Verdict.INVALID, "the preregistration is unreadable")
    if planned.digest != job.preregistration:
        reason = "the preregistration is not the one whose digest was recorded"
        return Gate("preregistration", title, Verdict.INVALID, reason)
    changed = differences(planned, preregistration_of(folder, job, profile))
    if changed:
        reason = f"the job no longer is what was preregistered (changed: {', '.join(changed)})"
        return Gate("preregistration", title, Verdict.INVALID, reason)
    return Gate("preregistration", title, Verdict.PASS, "the plan is the one that was recorded")
