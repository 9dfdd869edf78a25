"""One batch, from its lease to the verdicts of its attempts.

For every attempt a preregistration; one unlearning run for all; for every attempt a verification
by its own records; then the conclusion. Each step leaves a trace (a column, a file) by which the
next holder of the lease sees that it is done, so a crash between any two of them costs at most
the step that was under way. What goes wrong with one attempt is that attempt's affair; only the
run itself is everybody's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from uuid import UUID

from django.db import DatabaseError, transaction

from contract.canonical import read_json
from contract.job import ModelRef
from contract.result import RESULT_FILE, ErrorCode, Result
from expunge.audit.actions import AuditAction
from expunge.jobs.batches import model_advance
from expunge.jobs.conclusion import (
    attempts_fail,
    attempts_stop,
    batch_acquire,
    batch_conclude,
    members_at_work,
)
from expunge.jobs.configuration import configuration
from expunge.jobs.failures import (
    AttemptFailed,
    AttemptStopped,
    LeaseLost,
    from_exception,
)
from expunge.jobs.folder import (
    ORIGINAL,
    UNLEARN,
    candidate_add,
    candidate_of,
    folder_remove,
    folders_sweep,
    is_ready,
    lineage_of,
    model_fetch,
    run_lock,
    unlearning_write,
    verification_write,
    verify_path,
    work_path,
)
from expunge.jobs.leases import Heart, Lease, lease_row
from expunge.jobs.libraries import (
    finished_result,
    hopeless_refuse,
    library_run,
    log_places,
    plan_digest,
    report_of,
)
from expunge.jobs.material import Material, scope_keys
from expunge.jobs.models import Attempt, Batch
from expunge.jobs.moves import attempt_audit
from expunge.jobs.progress import Progress
from expunge.jobs.runner import Runner
from expunge.jobs.slots import free_place
from expunge.jobs.splits import together
from expunge.registry.models import ModelVersion

logger = logging.getLogger(__name__)


@dataclass
class Work:
    """A leased batch, its folder, and what runs the libraries in it."""

    lease: Lease
    batch: Batch
    runner: Runner
    progress: Progress

    @property
    def home(self) -> Path:
        """Return the folder of the batch."""
        return self.runner.home

    @cached_property
    def original(self) -> ModelRef:
        """Return the model to start from, fetched."""
        return model_fetch(self.home, _version(self.batch))

    @cached_property
    def material(self) -> Material:
        """Return the records that the model holds."""
        return Material(_version(self.batch), self.home / ORIGINAL, self.home)


def batch_execute(batch_id: UUID) -> bool:
    """Run a batch if there is a free place and its lease can be had; say whether it ran."""
    choices = configuration()
    folders_sweep()
    with free_place(choices) as place:
        if place is None:
            return False
        lease = batch_acquire(batch_id)
        if lease is None:
            return False
        lock = run_lock(batch_id)
        with Heart(lease) as heart:
            if not lock.evict():
                # Another host still works in a shared folder; the lease runs out meanwhile.
                return False
            try:
                progress = Progress(Attempt.objects.filter(batch=batch_id))
                home = work_path(batch_id)
                runner = Runner(choices, home, *place, lock=lock, heart=heart, progress=progress)
                _to_the_end(lease, runner, progress)
            finally:
                lock.release()
    model_advance(model_id=Batch.objects.values_list("model_id", flat=True).get(pk=batch_id))
    return True


def _to_the_end(lease: Lease, runner: Runner, progress: Progress) -> None:
    """Run the steps and conclude, whatever happens; the folder goes unless the lease is lost."""
    try:
        try:
            batch = Batch.objects.select_related("original__model").get(pk=lease.work_id)
            _steps(Work(lease, batch, runner, progress))
        except AttemptStopped:
            attempts_stop(lease)
        except (LeaseLost, DatabaseError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, the attempts must end
            attempts_fail(lease, _failure(lease, error))
    except LeaseLost:
        logger.warning("Batch %s is in other hands now; its work here is void", lease.work_id)
        return
    folder_remove(lease.work_id)


def _steps(work: Work) -> None:
    members = _members(work)
    work.progress.say("preparing", "fetching model and records")
    for attempt in members:
        _alone(work, attempt, lambda item: _preregister(work, item, members))
    members = _members(work)
    if not members:
        return
    result = _unlearn(work, members)
    candidate = candidate_of(work.batch, result)
    for attempt in _members(work):
        _alone(work, attempt, lambda item: _verify(work, item, candidate))
    if _members(work):
        batch_conclude(work.lease, work.home / UNLEARN, result)


def _members(work: Work) -> list[Attempt]:
    """Return the attempts that go on; those that were held or withdrawn end here."""
    with transaction.atomic():
        members = members_at_work(work.lease)
    if not members:
        attempts_stop(work.lease)
    return members


def _alone(work: Work, attempt: Attempt, step: Callable[[Attempt], None]) -> None:
    """Take a step for one attempt; when it fails, the others go on."""
    work.progress.about(attempt.pk)
    try:
        step(attempt)
    except (AttemptStopped, LeaseLost, DatabaseError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it was, this attempt must end
        attempts_fail(work.lease, _failure(work.lease, error), only=attempt.pk)
    finally:
        work.progress.about(None)


def _preregister(work: Work, attempt: Attempt, members: Sequence[Attempt]) -> None:
    """Fix what will be tested, before there is anything to test."""
    folder = verify_path(work.home, attempt)
    if not is_ready(folder):
        original = work.original
        others = [item.job for item in members if item.pk != attempt.pk]
        version = _version(work.batch)
        along = frozenset().union(*(scope_keys(job, version) for job in others))
        dealt = work.material.splits(attempt.job, along=along)
        verification_write(folder, attempt, original, dealt)
    digest = plan_digest(work.runner, folder)
    hopeless_refuse(folder)
    with transaction.atomic():
        members_now = {item.pk: item for item in members_at_work(work.lease)}
        current = members_now.get(attempt.pk)
        if current is None:
            return
        if not current.preregistration:
            Attempt.objects.filter(pk=current.pk).update(preregistration=digest)
            attempt_audit(current, AuditAction.VERIFICATION_PREREGISTERED, {"digest": digest})
    if current.preregistration not in {"", digest}:
        raise AttemptFailed(
            "preregistration_differs",
            "The plan of the verification is not the one that was fixed before the unlearning. "
            "The data or the verifier changed meanwhile; retry the ticket.",
        )


def _unlearn(work: Work, members: Sequence[Attempt]) -> Result:
    """Make the candidate, once for all, unless an earlier holder of the lease did."""
    folder = work.home / UNLEARN
    original = work.original
    if not is_ready(folder):
        parts = [work.material.splits(attempt.job).splits for attempt in members]
        recipe = work.material.recipe
        unlearning_write(folder, work.batch, original, recipe, together(parts))
    result = finished_result(folder)
    if result is None:
        (folder / RESULT_FILE).unlink(missing_ok=True)
        library_run(work.runner, "unlearning", "run", folder)
        result = finished_result(folder)
        if result is None:
            raise AttemptFailed(
                ErrorCode.CRASHED,
                "The unlearning process reported success but wrote no result.",
            )
    _write(work, members, result=read_json(folder / RESULT_FILE))
    return result


def _verify(work: Work, attempt: Attempt, candidate: ModelRef) -> None:
    """Examine the candidate by one attempt's records, unless an earlier holder did."""
    folder = verify_path(work.home, attempt)
    candidate_add(folder, candidate, attempt.preregistration, lineage_of(work.batch, work.home))
    report = report_of(work.runner, folder, attempt.preregistration, candidate.digest)
    _write(work, [attempt], report=report)


def _write(work: Work, attempts: Sequence[Attempt], **columns: object) -> None:
    """Write what was found, under the lease."""
    with transaction.atomic():
        lease_row(work.lease)
        Attempt.objects.filter(pk__in=[item.pk for item in attempts]).update(**columns)


def _version(batch: Batch) -> ModelVersion:
    if batch.original is None:
        raise ValueError("a batch at work has a version")
    return batch.original


def _failure(lease: Lease, error: Exception) -> AttemptFailed:
    """Turn what went wrong into a failure; log where an unexpected error arose, not its text."""
    failure = from_exception(error)
    if failure.code == ErrorCode.CRASHED and not isinstance(error, AttemptFailed):
        log_places(lease.work_id, error)
    return failure
