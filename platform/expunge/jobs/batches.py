"""Batches: the requests for one model that run together, and when a run begins.

Requests whose work becomes due within a window share one unlearning run; each is then verified
by itself. One run at a time changes a model, so that the next one starts from what the last one
made; otherwise each would bring back what the other took out. Who waits is not written down: it
follows from the jobs, so whoever is withdrawn or held is out by that alone.

Locks are taken in the order tickets, model, batch, job, attempt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from expunge.accounts.selectors import policy_of
from expunge.audit.actions import AuditAction
from expunge.common.clock import local_date, now
from expunge.jobs import queue
from expunge.jobs.configuration import configuration
from expunge.jobs.ladder import STOPPED, is_due, round_of, step_of
from expunge.jobs.models import Attempt, Batch, ErasureJob
from expunge.jobs.moves import attempt_audit, batch_move, job_move
from expunge.jobs.planner import Rung, Step
from expunge.jobs.scopes import job_scope
from expunge.jobs.settling import ticket_settle
from expunge.jobs.states import BATCH_AT_WORK, BatchState, JobState
from expunge.registry.models import Model, ModelVersion
from expunge.registry.selectors import versions_touched
from expunge.tickets.holds import model_held
from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState

REASON_LENGTH = 200
WAITING = (JobState.PLANNED, JobState.RUNNING, *STOPPED)


@transaction.atomic
def model_advance(*, model_id: UUID) -> None:
    """Start the next run on a model, if one is due and the model is free; at any time, by anyone.

    The jobs that are due start from the model's newest state. Those whose ladder has no rung
    left end here; those that need the same rung run together, the others after them.
    """
    jobs = _due(model_id)
    if not jobs or _is_busy(model_id) or model_held(model_id):
        return
    batch = _window(model_id, jobs)
    if batch is None:
        return
    ready = [(job, step_of(job)) for job in jobs if _start(job)]
    for job, step in ready:
        if step.rung is None:
            job_move(job=job, target=JobState.EXHAUSTED, reason=step.code)
    together = _together([(job, step) for job, step in ready if step.rung is not None])
    if together:
        _queue(batch, together)
    else:
        batch.delete()
    for ticket in {job.ticket.pk: job.ticket for job in jobs}.values():
        ticket_settle(ticket=ticket)


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


def _due(model_id: UUID) -> list[ErasureJob]:
    """Lock tickets and model, and return the jobs that wait for a run, oldest first."""
    waiting = ErasureJob.objects.filter(
        original__model_id=model_id,
        state__in=[str(state) for state in WAITING],
        ticket__state=TicketState.IN_PROGRESS,
    )
    rows = Ticket.objects.select_for_update(of=("self",)).filter(jobs__in=waiting)
    tickets = {ticket.pk: ticket for ticket in rows.select_related("controller").order_by("pk")}
    Model.objects.select_for_update(no_key=True).filter(pk=model_id).first()
    jobs = []
    for job in waiting.filter(ticket__in=tickets).select_related("original").order_by("created_at"):
        job.ticket = tickets[job.ticket_id]
        if job.ticket.state == TicketState.IN_PROGRESS and is_due(job):
            jobs.append(job)
    return jobs


def _is_busy(model_id: UUID) -> bool:
    states = [str(state) for state in BATCH_AT_WORK]
    return Batch.objects.filter(model_id=model_id, state__in=states).exists()


def _window(model_id: UUID, jobs: Sequence[ErasureJob]) -> Batch | None:
    """Return the model's open batch if it may close now, else ``None``: others may still join."""
    moment = now()
    batch = Batch.objects.filter(model_id=model_id, state=BatchState.OPEN).first()
    if batch is None:
        closes_at = moment + _length(jobs[0].ticket)
        batch = Batch.objects.create(model_id=model_id, closes_at=closes_at)
    under_way = any(job.state == JobState.RUNNING for job in jobs)
    if batch.closes_at <= moment or under_way or any(_is_urgent(job.ticket) for job in jobs):
        return batch
    return None


def _length(ticket: Ticket) -> timedelta:
    minutes = policy_of(ticket.controller_id).batch_window_minutes
    return timedelta(minutes=minutes) if minutes else configuration().batch_window


def _is_urgent(ticket: Ticket) -> bool:
    today = local_date(now(), ticket.controller.time_zone)
    return ticket.due_on <= today + configuration().urgent


def _start(job: ErasureJob) -> bool:
    """Give the job its model at its newest state; ``False`` when nothing is left to do on it."""
    head = head_of(job.original)
    if job.state == JobState.RUNNING:
        if head.pk != job.original_id:
            job.original = head
            job.save(update_fields=["original"])
        return True
    fields: dict[str, Any] = {"round": round_of(job.ticket), "original": head}
    job_move(job=job, target=JobState.RUNNING, fields=fields)
    touched = {version.pk for version in versions_touched(job_scope(job))}
    if job.cause or job.original_id in touched:
        return True
    # An erasure for another ticket covered this scope while the job waited.
    job_move(
        job=job,
        target=JobState.PASSED,
        reason="already_erased",
        fields={"result": job.original},
    )
    return False


def _together(ready: Sequence[tuple[ErasureJob, Step]]) -> list[tuple[ErasureJob, Step]]:
    """Return the oldest job and those that need the same rung on the same version."""

    def key(job: ErasureJob, step: Step) -> tuple[UUID, Rung | None]:
        return job.original_id, step.rung

    return [item for item in ready if key(*item) == key(*ready[0])]


def _queue(batch: Batch, members: Sequence[tuple[ErasureJob, Step]]) -> None:
    """Close the window: an attempt for each job, one run for all."""
    rung = members[0][1].rung
    if rung is None:
        raise ValueError("a batch needs a rung")
    attempts = [
        Attempt(
            job=job,
            batch=batch,
            number=1 + job.attempts.count(),
            round=job.round,
            method=rung.method,
            settings=dict(rung.settings),
            reason=step.reason[:REASON_LENGTH],
            plan=step.plan.as_json() if step.plan else {},
        )
        for job, step in members
    ]
    for attempt in attempts:
        attempt.seed = seed_of(attempt.pk)
    batch_move(
        batch=batch,
        target=BatchState.QUEUED,
        fields={
            "original": members[0][0].original,
            "method": rung.method,
            "settings": dict(rung.settings),
            "seed": attempts[0].seed,
            "closes_at": now(),
        },
    )
    for attempt in attempts:
        attempt.save(force_insert=True)
        if attempt.plan:
            attempt_audit(attempt, AuditAction.ATTEMPT_PLANNED, {"plan": attempt.plan})
        data = {"reason": attempt.reason, "batch": str(batch.pk), "requests": len(attempts)}
        attempt_audit(attempt, AuditAction.ATTEMPT_QUEUED, data)
    queue.enqueue_on_commit(queue.BATCH_RUN, batch.pk)


def seed_of(work_id: UUID) -> int:
    """Return a seed below 2**31 that is fixed by an id."""
    return int.from_bytes(hashlib.sha256(work_id.bytes).digest()[:4]) >> 1
