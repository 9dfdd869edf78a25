"""The only writers of the states of jobs, batches, attempts and re-verifications.

Each checks the transition table, updates conditionally on the old state, requires exactly one
row, and writes the audit leaf in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from expunge.accounts.permissions import Actor
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import now
from expunge.common.errors import ConflictError
from expunge.jobs.failures import LeaseLost
from expunge.jobs.models import Attempt, Batch, ErasureJob, Reverification
from expunge.jobs.states import (
    ATTEMPT_MOVES,
    ATTEMPT_OVER,
    BATCH_MOVES,
    JOB_MOVES,
    REVIEW_MOVES,
    AttemptState,
    BatchState,
    JobState,
    ReviewState,
)

WORKER = Actor(system="worker")
"""The platform itself, when a worker acts and no person does."""


@transaction.atomic
def job_move(
    *,
    job: ErasureJob,
    target: JobState,
    actor: Actor = WORKER,
    reason: str = "",
    fields: Mapping[str, Any] | None = None,
) -> None:
    """Move a job and set further fields with it.

    Raises ``ConflictError`` (``job_moved``) when the table lacks the move or someone was faster.
    """
    source = JobState(job.state)
    changes = {**(fields or {}), "state": target}
    if target not in JOB_MOVES[source] or not (
        ErasureJob.objects.filter(pk=job.pk, state=source).update(**changes)
    ):
        raise ConflictError("job_moved", f"The job cannot go from '{source}' to '{target}'.")
    ticket = job.ticket
    job.refresh_from_db()
    job.ticket = ticket
    job_audit(
        job,
        AuditAction.JOB_MOVED,
        {
            "source": source.value,
            "target": target.value,
            "reason": reason,
            "original": str(job.original_id),
            "result": str(job.result_id) if job.result_id else None,
        },
        actor,
    )


@transaction.atomic
def attempt_move(
    *,
    attempt: Attempt,
    target: AttemptState,
    actor: Actor = WORKER,
    fields: Mapping[str, Any] | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> None:
    """Move an attempt; a worker that does holds the row of its batch, under its lease.

    ``evidence`` (codes, digests) goes into the audit leaf. Raises :class:`LeaseLost` when the
    attempt moved on, ``ConflictError`` (``attempt_moved``) when the table lacks the move.
    """
    source = AttemptState(attempt.state)
    if target not in ATTEMPT_MOVES[source]:
        message = f"The attempt cannot go from '{source}' to '{target}'."
        raise ConflictError("attempt_moved", message)
    changes: dict[str, Any] = {**(fields or {}), "state": target}
    if target in ATTEMPT_OVER:
        changes |= {"ended_at": now()}
    if not Attempt.objects.filter(pk=attempt.pk, state=source).update(**changes):
        raise LeaseLost
    job, batch = attempt.job, attempt.batch
    attempt.refresh_from_db()
    attempt.job, attempt.batch = job, batch
    attempt_audit(
        attempt,
        AuditAction.ATTEMPT_MOVED,
        {"source": source.value, "target": target.value, **(evidence or {})},
        actor,
    )


def batch_move(
    *, batch: Batch, target: BatchState, fields: Mapping[str, Any] | None = None
) -> None:
    """Move a batch, under the fencing token that ``batch`` was read with.

    Its attempts tell the log what happened. Raises :class:`LeaseLost` when it moved on or
    another worker took it over, ``ConflictError`` (``batch_moved``) when the table lacks the move.
    """
    source = BatchState(batch.state)
    if target not in BATCH_MOVES[source]:
        raise ConflictError("batch_moved", f"The batch cannot go from '{source}' to '{target}'.")
    changes: dict[str, Any] = {**(fields or {}), "state": target}
    if target is BatchState.OVER:
        changes |= {"lease_until": None}
    rows = Batch.objects.filter(pk=batch.pk, state=source, token=batch.token)
    if not rows.update(**changes):
        raise LeaseLost
    batch.refresh_from_db()


@transaction.atomic
def review_move(
    *,
    review: Reverification,
    target: ReviewState,
    fields: Mapping[str, Any] | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> None:
    """Move a re-verification, under the fencing token that ``review`` was read with.

    Raises :class:`LeaseLost`, or ``ConflictError`` (``reverification_moved``).
    """
    source = ReviewState(review.state)
    if target not in REVIEW_MOVES[source]:
        message = f"The re-verification cannot go from '{source}' to '{target}'."
        raise ConflictError("reverification_moved", message)
    changes: dict[str, Any] = {**(fields or {}), "state": target}
    if not REVIEW_MOVES[target]:
        changes |= {"ended_at": now(), "lease_until": None}
    rows = Reverification.objects.filter(pk=review.pk, state=source, token=review.token)
    if not rows.update(**changes):
        raise LeaseLost
    review.refresh_from_db()
    review_audit(
        review,
        AuditAction.REVERIFICATION_MOVED,
        {"source": source.value, "target": target.value, **(evidence or {})},
    )


def review_audit(review: Reverification, action: AuditAction, data: Mapping[str, Any]) -> None:
    """Write an audit leaf about a re-verification."""
    audit_record(
        action=action,
        actor=WORKER.pseudonym,
        controller_id=review.ticket.controller_id,
        subject={
            "ticket": str(review.ticket_id),
            "certificate": str(review.certificate_id),
            "reverification": str(review.pk),
            "model_version": str(review.version_id),
        },
        data={"token": review.token, **data},
    )


def job_audit(
    job: ErasureJob, action: AuditAction, data: Mapping[str, Any], actor: Actor = WORKER
) -> None:
    """Write an audit leaf about a job."""
    audit_record(
        action=action,
        actor=actor.pseudonym,
        controller_id=job.ticket.controller_id,
        subject={"ticket": str(job.ticket_id), "job": str(job.pk)},
        data=data,
    )


def attempt_audit(
    attempt: Attempt, action: AuditAction, data: Mapping[str, Any], actor: Actor = WORKER
) -> None:
    """Write an audit leaf about an attempt."""
    job = attempt.job
    audit_record(
        action=action,
        actor=actor.pseudonym,
        controller_id=job.ticket.controller_id,
        subject={
            "ticket": str(job.ticket_id),
            "job": str(job.pk),
            "attempt": str(attempt.pk),
        },
        data={
            "number": attempt.number,
            "method": attempt.method,
            "token": attempt.batch.token,
            **data,
        },
    )
