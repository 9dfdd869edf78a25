"""From an approved ticket to jobs, from a job to its next attempt, and back to the ticket.

Every function here may be called at any time and any number of times: it looks at what Postgres
says and does what is due. Locks are taken in the order ticket, model, job, attempt.

Two tickets for the same model take turns, so that the second erasure starts from what the
first one made; otherwise each would bring back what the other took out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.common.errors import ConflictError, NotFoundError
from expunge.jobs import queue
from expunge.jobs.models import Attempt, ErasureJob
from expunge.jobs.moves import WORKER, attempt_audit, attempt_move, job_audit, job_move
from expunge.jobs.planner import Past, Step, next_step
from expunge.jobs.states import ATTEMPT_OVER, AttemptState, JobState
from expunge.registry.models import Model, ModelVersion, ScopeNode
from expunge.registry.selectors import versions_touched
from expunge.tickets.models import Ticket
from expunge.tickets.services import ticket_close_nothing_held
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move

REASON_LENGTH = 200
STOPPED = frozenset({JobState.EXHAUSTED, JobState.CANCELLED})


@transaction.atomic
def jobs_plan(*, ticket_id: UUID) -> None:
    """Make the jobs of an approved ticket, start whatever may start, and settle the ticket.

    An approved ticket whose scope no model holds is closed with that outcome.
    """
    ticket = Ticket.objects.select_for_update().filter(pk=ticket_id).first()
    if ticket is None:
        return
    if ticket.state == TicketState.APPROVED:
        touched = {head_of(version) for version in versions_touched(scope_of(ticket))}
        if not touched:
            ticket_close_nothing_held(actor=WORKER, ticket_id=ticket_id)
            return
        for version in sorted(touched, key=lambda version: version.created_at):
            ErasureJob.objects.create(ticket=ticket, original=version)
        _lock_models(ticket)
        for job in ticket.jobs.select_related("ticket"):
            job_audit(job, AuditAction.JOB_PLANNED, {"original": str(job.original_id)})
        ticket_move(ticket=ticket, target=TicketState.IN_PROGRESS, actor=WORKER)
    if ticket.state != TicketState.IN_PROGRESS:
        return
    _lock_models(ticket)
    for job in ticket.jobs.select_related("original"):
        job.ticket = ticket
        job_advance(job=job)
    ticket_settle(ticket=ticket)


def job_advance(*, job: ErasureJob) -> None:
    """Queue the job's next attempt, or end the job when the ladder has no rung left.

    Does nothing while an attempt is open, the ticket is not in progress, or another ticket's
    job is at work on the same model. The caller holds the rows of the ticket and the model.
    """
    job.refresh_from_db(fields=["state", "round", "original"])
    if job.ticket.state != TicketState.IN_PROGRESS or not _is_due(job):
        return
    if job.state != JobState.RUNNING and not _start(job):
        return
    step = _next_step(job)
    if step.rung is None:
        job_move(job=job, target=JobState.EXHAUSTED, reason=step.code)
        queue.enqueue_on_commit(queue.RECLAIM)
        return
    attempt = Attempt(
        job=job,
        number=1 + job.attempts.count(),
        round=job.round,
        method=step.rung.method,
        settings=dict(step.rung.settings),
        reason=step.reason[:REASON_LENGTH],
    )
    attempt.seed = _seed(attempt)
    attempt.save()
    attempt_audit(attempt, AuditAction.ATTEMPT_QUEUED, {"reason": attempt.reason})
    queue.enqueue_on_commit(queue.ATTEMPT_RUN, attempt.pk)


@transaction.atomic
def ticket_settle(*, ticket: Ticket) -> None:
    """Move a ticket on when all of its jobs are over: verified, or visibly not verified."""
    if ticket.state != TicketState.IN_PROGRESS:
        return
    jobs = list(ticket.jobs.select_related("original"))
    for job in jobs:
        job.ticket = ticket
    if any(_is_open(job) for job in jobs):
        return
    if all(job.state == JobState.PASSED for job in jobs):
        ticket_move(ticket=ticket, target=TicketState.VERIFIED, actor=WORKER)
        queue.enqueue_on_commit(queue.TICKET_CERTIFY, ticket.pk)
        return
    failed = [job for job in jobs if job.state != JobState.PASSED]
    step = _next_step(failed[0])
    cancelled = failed[0].state == JobState.CANCELLED
    ticket_move(
        ticket=ticket,
        target=TicketState.VERIFICATION_FAILED,
        actor=WORKER,
        reason="cancelled" if cancelled else step.code,
        text="A person cancelled the erasure." if cancelled else explain(failed[0], step),
    )


@transaction.atomic
def jobs_stop(*, ticket_id: UUID) -> None:
    """Stop the work on a ticket that is no longer in progress (a legal hold, a withdrawal)."""
    ticket = Ticket.objects.select_for_update().get(pk=ticket_id)
    if ticket.state == TicketState.IN_PROGRESS:
        return
    for job in ticket.jobs.filter(state__in=[JobState.PLANNED, JobState.RUNNING]):
        _stop(job, WORKER, reason=ticket.state)
    queue.enqueue_on_commit(queue.RECLAIM)


@transaction.atomic
def job_cancel(*, actor: Actor, job_id: UUID) -> ErasureJob:
    """Cancel a job on a person's wish; its ticket ends up not verified and can be retried."""
    job = _locked_job(actor, job_id)
    if job.state not in {JobState.PLANNED, JobState.RUNNING}:
        raise ConflictError("job_over", "This job is over; there is nothing to cancel.")
    _stop(job, actor, reason="person")
    ticket_settle(ticket=job.ticket)
    queue.enqueue_on_commit(queue.RECLAIM)
    return job


def head_of(version: ModelVersion) -> ModelVersion:
    """Return the newest version that erasures made of this one, or the version itself."""
    head = version
    while made := (
        head.children.filter(model_id=head.model_id, erasures__isnull=False)
        .order_by("-number")
        .first()
    ):
        head = made
    return head


def scope_of(ticket: Ticket) -> tuple[ScopeNode, ...]:
    """Return the nodes of a ticket's scope."""
    return tuple(ScopeNode.objects.filter(ticket_scopes__ticket=ticket).select_related("dataset"))


def round_of(ticket: Ticket) -> int:
    """Count how often a person set the ticket going again: by a retry or by releasing a hold."""
    return (
        ticket.moves.filter(target=TicketState.IN_PROGRESS)
        .exclude(source=TicketState.APPROVED)
        .count()
    )


def explain(job: ErasureJob, step: Step) -> str:
    """Return the sentence that says why a job ended without a pass."""
    last = job.attempts.order_by("number").last()
    failure = last.failure if last else None
    if failure and failure["code"] == step.code:
        return str(failure["message"])
    return f"{step.reason[:1].upper()}{step.reason[1:]}."


def _start(job: ErasureJob) -> bool:
    """Give the job its model, at its newest state, unless another job is at work on it."""
    busy = ErasureJob.objects.filter(
        state=JobState.RUNNING, original__model_id=job.original.model_id
    )
    if busy.exclude(pk=job.pk).exists():
        return False
    fields: dict[str, Any] = {"round": round_of(job.ticket), "original": head_of(job.original)}
    job_move(job=job, target=JobState.RUNNING, fields=fields)
    touched = {version.pk for version in versions_touched(scope_of(job.ticket))}
    if job.original_id in touched:
        return True
    # An erasure for another ticket covered this scope while the job waited.
    job_move(
        job=job,
        target=JobState.PASSED,
        reason="already_erased",
        fields={"result": job.original},
    )
    queue.enqueue_on_commit(queue.RECLAIM)
    return False


def _lock_models(ticket: Ticket) -> None:
    """Lock the models of the ticket's jobs, before any audit leaf and always in one order."""
    models = Model.objects.filter(versions__jobs__ticket=ticket).values("pk")
    list(Model.objects.select_for_update(no_key=True).filter(pk__in=models).order_by("pk"))


def _stop(job: ErasureJob, actor: Actor, reason: str) -> None:
    """Cancel the job: a queued attempt at once, a running one by asking its worker."""
    job.attempts.filter(state=AttemptState.RUNNING).update(cancel_requested=True)
    for attempt in job.attempts.select_for_update().filter(state=AttemptState.QUEUED):
        attempt_move(attempt=attempt, target=AttemptState.CANCELLED, actor=actor)
    job_move(job=job, target=JobState.CANCELLED, actor=actor, reason=reason)


def _is_open(job: ErasureJob) -> bool:
    """Say whether there is more to come of this job without a person's doing."""
    if job.state in STOPPED:
        return job.round < round_of(job.ticket) or _has_open_attempt(job)
    return job.state != JobState.PASSED


def _is_due(job: ErasureJob) -> bool:
    return _is_open(job) and not _has_open_attempt(job)


def _has_open_attempt(job: ErasureJob) -> bool:
    return job.attempts.exclude(state__in=[str(state) for state in ATTEMPT_OVER]).exists()


def _next_step(job: ErasureJob) -> Step:
    return next_step(
        layout=job.original.layout,
        profile=job.ticket.profile,
        past=tuple(_past(attempt) for attempt in job.attempts.order_by("number")),
        round_number=job.round,
    )


def _past(attempt: Attempt) -> Past:
    return Past(
        method=attempt.method,
        state=AttemptState(attempt.state),
        code=(attempt.failure or {}).get("code", ""),
        finding=finding_of(attempt.report or {}),
        round=attempt.round,
    )


def finding_of(report: Mapping[str, Any]) -> str:
    """Name what refuted an attempt: the failed checks, else a failed gate, else what is open."""
    checks = [item for item in report.get("checks", ()) if item["mandatory"]]
    for verdict in ("fail", "inconclusive", "invalid"):
        names = dict.fromkeys(item["check"] for item in checks if item["verdict"] == verdict)
        if names:
            return " and ".join(name.replace("_", " ") for name in names)
        for item in report.get("gates", ()):
            if item["verdict"] == verdict:
                return f"the gate {item['name'].replace('_', ' ')}"
    return ""


def _seed(attempt: Attempt) -> int:
    """Return a seed below 2**31 that is fixed by the attempt's id."""
    return int.from_bytes(hashlib.sha256(attempt.pk.bytes).digest()[:4]) >> 1


def _locked_job(actor: Actor, job_id: UUID) -> ErasureJob:
    job = ErasureJob.objects.select_related("ticket", "original").filter(pk=job_id).first()
    visible = job and job.ticket.controller_id in actor.controllers(Permission.TICKET_VIEW)
    if job is None or not visible:
        raise NotFoundError("job_unknown", "There is no such job for you.")
    actor.require(Permission.JOB_OPERATE, job.ticket.controller_id)
    ticket = Ticket.objects.select_for_update().get(pk=job.ticket_id)
    job.refresh_from_db()
    job.ticket = ticket
    return job
