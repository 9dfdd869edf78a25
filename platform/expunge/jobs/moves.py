"""The only writers of ``ErasureJob.state`` and ``Attempt.state``.

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
from expunge.jobs.models import Attempt, ErasureJob
from expunge.jobs.states import ATTEMPT_MOVES, ATTEMPT_OVER, JOB_MOVES, AttemptState, JobState

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
    """Move an attempt, under the fencing token that ``attempt`` was read with.

    ``evidence`` (codes, digests) goes into the audit leaf. Raises :class:`LeaseLost` when the
    attempt moved on or another worker took it over, ``ConflictError`` (``attempt_moved``)
    when the table lacks the move.
    """
    source = AttemptState(attempt.state)
    if target not in ATTEMPT_MOVES[source]:
        message = f"The attempt cannot go from '{source}' to '{target}'."
        raise ConflictError("attempt_moved", message)
    changes: dict[str, Any] = {**(fields or {}), "state": target}
    if target in ATTEMPT_OVER:
        changes |= {"ended_at": now(), "lease_until": None}
    rows = Attempt.objects.filter(pk=attempt.pk, state=source, token=attempt.token)
    if not rows.update(**changes):
        raise LeaseLost
    job = attempt.job
    attempt.refresh_from_db()
    attempt.job = job
    attempt_audit(
        attempt,
        AuditAction.ATTEMPT_MOVED,
        {"source": source.value, "target": target.value, **(evidence or {})},
        actor,
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
            "token": attempt.token,
            **data,
        },
    )
