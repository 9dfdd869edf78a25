"""From an approved ticket to its jobs, and what stops or resumes them.

Every function here may be called at any time and any number of times: it looks at what Postgres
says and does what is due. :mod:`.batches` starts the runs, :mod:`.settling` ends tickets.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import models, transaction
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.common.errors import ConflictError, NotFoundError
from expunge.jobs import queue
from expunge.jobs.batches import head_of, model_advance
from expunge.jobs.models import Attempt, Batch, ErasureJob
from expunge.jobs.moves import WORKER, attempt_move, batch_move, job_audit, job_move
from expunge.jobs.scopes import scope_of
from expunge.jobs.settling import ticket_settle
from expunge.jobs.states import ATTEMPT_OVER, AttemptState, BatchState, JobState
from expunge.registry.models import Model, ModelVersion
from expunge.registry.selectors import versions_touched
from expunge.tickets.models import Ticket
from expunge.tickets.services import ticket_close_nothing_held
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move

AT_WORK = (JobState.PLANNED, JobState.RUNNING)


def jobs_plan(*, ticket_id: UUID) -> None:
    """Make the jobs of an approved ticket, start whatever may start, and settle the ticket.

    An approved ticket whose scope no model holds is closed with that outcome.
    """
    for model_id in _plan(ticket_id):
        model_advance(model_id=model_id)


@transaction.atomic
def _plan(ticket_id: UUID) -> tuple[UUID, ...]:
    """Return the models on which the ticket's jobs wait."""
    ticket = Ticket.objects.select_for_update().filter(pk=ticket_id).first()
    if ticket is None:
        return ()
    if ticket.state == TicketState.APPROVED:
        touched = {head_of(version) for version in versions_touched(scope_of(ticket))}
        if not touched:
            ticket_close_nothing_held(actor=WORKER, ticket_id=ticket_id)
            return ()
        _make(ticket, touched)
        ticket_move(ticket=ticket, target=TicketState.IN_PROGRESS, actor=WORKER)
    if ticket.state != TicketState.IN_PROGRESS:
        return ()
    ticket_settle(ticket=ticket)
    touched_models = Model.objects.filter(versions__jobs__ticket=ticket).order_by("pk")
    return tuple(touched_models.distinct().values_list("pk", flat=True))


@transaction.atomic
def jobs_stop(*, ticket_id: UUID) -> None:
    """Stop the work on a ticket that is no longer in progress (a legal hold, a withdrawal)."""
    ticket = Ticket.objects.select_for_update().get(pk=ticket_id)
    if ticket.state == TicketState.IN_PROGRESS:
        return
    for job in ticket.jobs.filter(state__in=AT_WORK):
        job.ticket = ticket
        _stop(job, WORKER, reason=ticket.state)
    queue.enqueue_on_commit(queue.RECLAIM)


@transaction.atomic
def model_stop(*, model_id: UUID) -> None:
    """Stop the run on a model that a legal hold covers; its jobs stay and go on after the hold."""
    states = (BatchState.QUEUED, BatchState.RUNNING)
    batch = Batch.objects.select_for_update().filter(model_id=model_id, state__in=states).first()
    if batch is not None:
        for attempt in _open(batch.attempts.select_related("job__ticket")):
            attempt.batch = batch
            _attempt_stop(attempt, WORKER)
        _batch_end(batch)


@transaction.atomic
def job_cancel(*, actor: Actor, job_id: UUID) -> ErasureJob:
    """Cancel a job on a person's wish; its ticket ends up not verified and can be retried."""
    job = _locked_job(actor, job_id)
    if job.state not in {JobState.PLANNED, JobState.RUNNING}:
        raise ConflictError("job_over", _("This job is over; there is nothing to cancel."))
    _stop(job, actor, reason="person")
    ticket_settle(ticket=job.ticket)
    queue.enqueue_on_commit(queue.RECLAIM)
    return job


def _make(ticket: Ticket, versions: Collection[ModelVersion]) -> None:
    for version in sorted(versions, key=lambda version: version.created_at):
        ErasureJob.objects.create(ticket=ticket, original=version)
    # Before any audit leaf is written: those are written one at a time, whoever writes them.
    ids = {version.model_id for version in versions}
    list(Model.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"))
    for job in ticket.jobs.select_related("ticket"):
        job_audit(job, AuditAction.JOB_PLANNED, {"original": str(job.original_id)})


def _stop(job: ErasureJob, actor: Actor, reason: str) -> None:
    """Cancel the job; its batch goes on for the others, if there are any."""
    for attempt in _open(job.attempts.select_related("batch")):
        attempt.job = job
        batch = Batch.objects.select_for_update().get(pk=attempt.batch_id)
        attempt.batch = batch
        _attempt_stop(attempt, actor)
        _batch_end(batch)
    job_move(job=job, target=JobState.CANCELLED, actor=actor, reason=reason)


def _attempt_stop(attempt: Attempt, actor: Actor) -> None:
    """Cancel a queued attempt at once, a running one by asking its worker."""
    if attempt.state == AttemptState.QUEUED:
        attempt_move(attempt=attempt, target=AttemptState.CANCELLED, actor=actor)
    else:
        Attempt.objects.filter(pk=attempt.pk).update(cancel_requested=True)


def _batch_end(batch: Batch) -> None:
    """End a run that no worker has begun and nobody waits for any more."""
    if batch.state == BatchState.QUEUED and not _open(batch.attempts.all()):
        batch_move(batch=batch, target=BatchState.OVER)


def _open(attempts: models.QuerySet[Attempt]) -> list[Attempt]:
    return list(attempts.exclude(state__in=[str(state) for state in ATTEMPT_OVER]))


def _locked_job(actor: Actor, job_id: UUID) -> ErasureJob:
    job = ErasureJob.objects.select_related("ticket", "original").filter(pk=job_id).first()
    visible = job and job.ticket.controller_id in actor.controllers(Permission.TICKET_VIEW)
    if job is None or not visible:
        raise NotFoundError("job_unknown", _("There is no such job for you."))
    actor.require(Permission.JOB_OPERATE, job.ticket.controller_id)
    ticket = Ticket.objects.select_for_update().get(pk=job.ticket_id)
    job.refresh_from_db()
    job.ticket = ticket
    return job
