"""The folder of a run or of a re-verification: models, records, job folders; gone when it ends.

::

    <batch id>/                 mode 0700
        run.lock                held by whoever works here
        original/               the model as registered, digest checked
        unlearn/                job.json, data/, later output/, result.json, events.jsonl
        verify-<attempt id>/    job.json, data/, preregistration.json, later report.json, ...
        output.log  tmp/        what the libraries print and leave behind

A re-verification has ``candidate/``, the later version, in place of ``unlearn/``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from pydantic import TypeAdapter

from contract.catalog import Effect
from contract.job import (
    ModelRef,
    Recipe,
    UnlearningData,
    UnlearningJob,
    VerificationData,
    VerificationJob,
    read_job,
    write_job,
)
from contract.record import Record, write_records
from contract.result import ErrorCode, Result
from expunge.jobs.catalog import method_card
from expunge.jobs.configuration import configuration
from expunge.jobs.failures import AttemptFailed
from expunge.jobs.leases import RUNNING
from expunge.jobs.locks import RunLock
from expunge.jobs.material import Dealt
from expunge.jobs.models import Attempt, Batch, Reverification
from expunge.jobs.planner import Rung, ladder_for
from expunge.jobs.splits import Splits
from expunge.jobs.states import AttemptState
from expunge.registry.artifacts import artifact_fetch
from expunge.registry.models import ModelVersion

LINEAGE = "lineage.jsonl"
ORIGINAL, UNLEARN, VERIFY, CANDIDATE = "original", "unlearn", "verify", "candidate"
DATA, READY = "data", "ready"
_MODEL: TypeAdapter[ModelRef] = TypeAdapter(ModelRef)


def work_path(work_id: UUID) -> Path:
    """Return where the folder of a batch or of a re-verification lies."""
    return configuration().attempts / str(work_id)


def run_lock(work_id: UUID) -> RunLock:
    """Return the lock of a folder."""
    return RunLock(work_path(work_id) / "run.lock")


def verify_path(home: Path, attempt: Attempt) -> Path:
    """Return the folder in which the verifier examines for one attempt."""
    return home / f"{VERIFY}-{attempt.pk}"


def model_fetch(home: Path, version: ModelVersion, name: str = ORIGINAL) -> ModelRef:
    """Fetch a model into the folder, unless an earlier holder of the lease did; return its name.

    Raises a ``DomainError`` when it is not what was registered.
    """
    done = home / f"{name}.{READY}"
    if not done.exists():
        shutil.rmtree(home / name, ignore_errors=True)
        home.chmod(0o700)
        artifact_fetch(version.uri, version.digest, home / name)
        done.touch()
    return _MODEL.validate_python(
        {
            "path": f"../{name}",
            "digest": version.digest,
            "family": version.model.family,
            "layout": version.layout,
        }
    )


def verification_write(folder: Path, attempt: Attempt, original: ModelRef, dealt: Dealt) -> None:
    """Write the job that the verifier fixes its plan for, before there is a candidate."""
    rung = _rung(attempt)
    job = replace(
        _verification(original, dealt),
        profile=rung.profile or attempt.job.ticket.profile,
        effect=rung.effect.value,
        seed=attempt.seed,
        earlier_attempts=_refuted_before(attempt),
    )
    _once(folder, lambda: _write_verification(folder, job, dealt.splits))


def review_write(folder: Path, review: Reverification, original: ModelRef, dealt: Dealt) -> None:
    """Write the job of a re-verification: as the certified one was, with a seed of its own."""
    basis = review.basis
    exact = _effect(basis.method) is Effect.EXACT
    job = replace(
        _verification(original, dealt),
        lineage=(f"{DATA}/{LINEAGE}",) if exact else (),
        profile=(basis.report or {}).get("profile") or basis.job.ticket.profile,
        effect=_effect(basis.method).value,
        seed=review.seed,
    )

    def written() -> None:
        _write_verification(folder, job, dealt.splits)
        for name in job.lineage:
            _write(folder, name, dealt.splits.lineage)

    _once(folder, written)


def unlearning_write(
    folder: Path, batch: Batch, original: ModelRef, recipe: Recipe, split: Splits
) -> None:
    """Write the job of the one unlearning run."""
    # What is trained anew draws its own start: the old one led to the weights that knew.
    exact = _effect(batch.method) is Effect.EXACT
    job = UnlearningJob(
        method=batch.method,
        recipe=replace(recipe, seed=batch.seed) if exact else recipe,
        model=original,
        settings=batch.settings,
        seed=batch.seed,
    )
    _once(folder, lambda: _write_unlearning(folder, job, split))


def candidate_add(
    folder: Path, candidate: ModelRef, preregistration: str, lineage: Sequence[str] = ()
) -> None:
    """Tell a verification job, prepared before, which candidate to examine.

    ``lineage`` are the files of what it was trained on, unless the job names some already.
    """
    job = read_job(folder, VerificationJob)
    listed = tuple(lineage) or job.lineage
    job = replace(job, candidate=candidate, preregistration=preregistration, lineage=listed)
    write_job(folder, job)


def lineage_of(batch: Batch, home: Path) -> tuple[str, ...]:
    """Return the files of what a run trained its model on, as the verifier's folders name them.

    Only of an exact run: other methods begin at weights that knew.
    """
    if _effect(batch.method) is not Effect.EXACT:
        return ()
    data = read_job(home / UNLEARN, UnlearningJob).data
    files = [data.retain, *([data.public] if data.public else [])]
    return tuple(f"../{UNLEARN}/{name}" for name in files)


def candidate_of(batch: Batch, result: Result) -> ModelRef:
    """Return the model that a run made, as the verifier's folders name it.

    Raises :class:`AttemptFailed` when the method claims another effect than was planned for.
    """
    if result.model is None or result.effect is not _effect(batch.method):
        raise AttemptFailed(
            ErrorCode.CRASHED, "The method made no model, or claims another effect than planned."
        )
    return replace(result.model, path=f"../{UNLEARN}/{result.model.path}")


def is_ready(folder: Path) -> bool:
    """Say whether a job folder was written whole."""
    return (folder / READY).exists()


def folder_remove(work_id: UUID) -> None:
    """Remove the folder with everything in it."""
    shutil.rmtree(work_path(work_id), ignore_errors=True)


def folders_sweep() -> None:
    """End left-over processes of this host and remove the folders of what is over.

    The folder of a running batch stays, for its next holder resumes in it.
    """
    attempts = configuration().attempts
    names = [item.name for item in attempts.iterdir()] if attempts.is_dir() else []
    for work_id in (UUID(name) for name in names if _is_id(name)):
        # The row stays locked meanwhile, so nobody can take the lease and start a process here.
        with transaction.atomic():
            found = _leased(work_id)
            if found is None:
                _abandon(work_id, remove=True)
            elif not found:
                _abandon(work_id, remove=False)


def _leased(work_id: UUID) -> bool | None:
    """Lock the row and say whether a lease is held; ``None`` when it is over or not there."""
    batch: QuerySet[Batch] = Batch.objects.filter(pk=work_id)
    review: QuerySet[Reverification] = Reverification.objects.filter(pk=work_id)
    for rows in (batch, review):
        waiting = rows.select_for_update(no_key=True).filter(state__in=(RUNNING, "queued"))
        held = waiting.annotate(held=Q(lease_until__gt=Now())).values_list("held", flat=True)
        for answer in held:
            return bool(answer)
    return None


def _abandon(work_id: UUID, *, remove: bool) -> None:
    lock = run_lock(work_id)
    if lock.evict():
        if remove:
            folder_remove(work_id)
        lock.release()


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


def _verification(original: ModelRef, dealt: Dealt) -> VerificationJob:
    population = f"{DATA}/population.jsonl"
    return VerificationJob(
        original=original,
        data=VerificationData(population=population, subject_level=dealt.subject_level),
        forms=dealt.forms,
    )


def _once(folder: Path, write: Callable[[], None]) -> None:
    """Write a job folder whole, unless an earlier holder of the lease did."""
    if not is_ready(folder):
        shutil.rmtree(folder, ignore_errors=True)
        write()
        (folder / READY).touch()


def _write_unlearning(folder: Path, job: UnlearningJob, split: Splits) -> None:
    names = UnlearningData(
        calibration=f"{DATA}/calibration.jsonl" if split.unlearn_calibration else None,
        public=f"{DATA}/public.jsonl" if split.unlearn_public else None,
    )
    _write(folder, names.forget, split.unlearn_forget)
    _write(folder, names.retain, split.unlearn_retain)
    _write(folder, names.calibration, split.unlearn_calibration)
    _write(folder, names.public, split.unlearn_public)
    write_job(folder, replace(job, data=names))


def _write_verification(folder: Path, job: VerificationJob, split: Splits) -> None:
    _write(folder, job.data.forget, split.verify_forget)
    _write(folder, job.data.twins, split.verify_twins)
    _write(folder, job.data.neighbours, split.verify_neighbours)
    _write(folder, job.data.retain, split.verify_retain)
    _write(folder, job.data.population, split.verify_population)
    write_job(folder, job)


def _refuted_before(attempt: Attempt) -> int:
    """Count the candidates that were examined and refuted before, for the same request."""
    return attempt.job.attempts.filter(
        number__lt=attempt.number, state=AttemptState.REFUTED
    ).count()


def _rung(attempt: Attempt) -> Rung:
    ladder = ladder_for(attempt.job.original.layout, attempt.job.ticket.profile)
    for rung in ladder:
        if rung.method == attempt.method:
            return rung
    raise AttemptFailed(ErrorCode.NOT_SUPPORTED, f"{attempt.method} is on no ladder any more.")


def _effect(method: str) -> Effect:
    """Return what a method claims; also of one that was on the ladder once."""
    card = method_card(method)
    if card is None:
        raise AttemptFailed(ErrorCode.NOT_SUPPORTED, f"There is no method {method} any more.")
    return card.effect


def _write(folder: Path, name: str | None, records: Sequence[Record]) -> None:
    if name is not None:
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_records(path, records)
