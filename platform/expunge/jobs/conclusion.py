"""How the attempts of a batch end: transactions that move attempts, jobs, tickets and the batch.

Each function holds the rows of the tickets first, as everything that moves tickets does, then
that of the model, and then the batch's row under the fencing token: a legal hold that was placed
a moment before wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from contract.canonical import digest_json
from contract.report import REPORT, Report, Verdict
from contract.result import ErrorCode, Result
from expunge.audit.actions import AuditAction
from expunge.common.errors import DomainError
from expunge.jobs import queue
from expunge.jobs.failures import AttemptFailed, LeaseLost
from expunge.jobs.ladder import step_of
from expunge.jobs.leases import DUE, Lease, lease_row, lease_start, lease_take_over
from expunge.jobs.models import Attempt, Batch
from expunge.jobs.moves import WORKER, attempt_audit, attempt_move, batch_move, job_move
from expunge.jobs.scopes import job_scope
from expunge.jobs.settling import ticket_settle
from expunge.jobs.states import ATTEMPT_OVER, AttemptState, BatchState, JobState
from expunge.registry.artifacts import artifact_remove, artifact_store
from expunge.registry.models import Model, ModelVersion
from expunge.registry.services import model_version_register
from expunge.tickets.holds import model_held
from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState


@transaction.atomic
def batch_acquire(batch_id: UUID) -> Lease | None:
    """Take the lease of a batch that is queued or whose lease expired.

    Returns ``None`` when there is nothing to run: it is over or in other hands, nobody waits for
    it any more, or it lost so many workers that it is given up.
    """
    members = _members(batch_id)
    batch = Batch.objects.select_for_update(of=("self",)).filter(DUE, pk=batch_id).first()
    if batch is None:
        return None
    taken_over = batch.state == BatchState.RUNNING
    wanted = _still_wanted(batch, members)
    if not wanted:
        batch_move(batch=batch, target=BatchState.OVER)
        return None
    if not taken_over:
        batch_move(batch=batch, target=BatchState.RUNNING, fields=lease_start())
    elif not lease_take_over(batch):
        message = f"The attempt lost its worker {batch.token} times and is given up."
        failure = AttemptFailed(ErrorCode.CRASHED, message)
        for attempt in wanted:
            _error(attempt, failure)
        batch_move(batch=batch, target=BatchState.OVER)
        return None
    for attempt in wanted:
        if attempt.state == AttemptState.QUEUED:
            started = {"started_at": Now()}
            attempt_move(attempt=attempt, target=AttemptState.RUNNING, fields=started)
        else:
            attempt_audit(attempt, AuditAction.ATTEMPT_TAKEN_OVER, {})
    return Lease(batch.pk, batch.token)


def members_at_work(lease: Lease) -> list[Attempt]:
    """Lock tickets, model and batch in a transaction; return the attempts that go on.

    The others, whose ticket was held or withdrawn or whose model is held, end here.
    Raises ``LeaseLost``.
    """
    members = _members(lease.work_id)
    return _still_wanted(lease_row(lease), members)


def batch_conclude(lease: Lease, unlearned: Path, result: Result) -> None:
    """End every attempt by its report: one new model version for those that passed.

    The others are left for the next rung. Raises ``AttemptFailed``, ``LeaseLost``.
    """
    passing = Attempt.objects.filter(batch=lease.work_id, report__verdict=Verdict.PASS)
    if result.model is None:
        raise AttemptFailed("crashed", "The method reported success but made no model.")
    uri = _store(lease, unlearned / result.model.path) if passing.exists() else ""
    try:
        with transaction.atomic():
            attempts = members_at_work(lease)
            passed = [item for item in attempts if _report(item).verdict is Verdict.PASS]
            version = _register(passed, uri, result) if passed else None
            for attempt in attempts:
                _end(attempt, version if attempt in passed else None)
            _close(lease, attempts)
    except (AttemptFailed, DomainError, LeaseLost):
        artifact_remove(uri) if uri else None
        raise
    if uri and version is None:
        artifact_remove(uri)


@transaction.atomic
def attempts_fail(lease: Lease, failure: AttemptFailed, only: UUID | None = None) -> None:
    """End the attempts (or one of them) that could not be run; the planner says what follows."""
    attempts = [item for item in members_at_work(lease) if only in {None, item.pk}]
    for attempt in attempts:
        _error(attempt, failure)
    if only is None:
        _close(lease, attempts)


@transaction.atomic
def attempts_stop(lease: Lease) -> None:
    """End the attempts that a person or a legal hold stopped, and the batch if none is left."""
    members_at_work(lease)
    _close(lease, ())


def _members(batch_id: UUID) -> list[Attempt]:
    """Lock tickets and model, and return the attempts of a batch that are not over."""
    rows = Ticket.objects.select_for_update(of=("self",)).filter(jobs__attempts__batch=batch_id)
    tickets = {ticket.pk: ticket for ticket in rows.order_by("pk")}
    Model.objects.select_for_update(no_key=True).filter(batches=batch_id).first()
    attempts = Attempt.objects.filter(batch=batch_id).exclude(
        state__in=[str(state) for state in ATTEMPT_OVER]
    )
    found = list(attempts.select_related("job__original__model", "batch").order_by("created_at"))
    for attempt in found:
        attempt.job.ticket = tickets[attempt.job.ticket_id]
    return found


def _still_wanted(batch: Batch, members: Sequence[Attempt]) -> list[Attempt]:
    """Return the attempts that go on, and cancel those that do not."""
    held = model_held(batch.model_id)
    wanted = []
    for attempt in members:
        attempt.batch = batch
        at_work = (attempt.job.ticket.state, attempt.job.state)
        stopped = attempt.cancel_requested or held
        if stopped or at_work != (TicketState.IN_PROGRESS, JobState.RUNNING):
            attempt_move(attempt=attempt, target=AttemptState.CANCELLED)
            ticket_settle(ticket=attempt.job.ticket)
        else:
            wanted.append(attempt)
    return wanted


def _end(attempt: Attempt, version: ModelVersion | None) -> None:
    report = _report(attempt)
    found = {
        "verdict": report.verdict.value,
        "tier": report.tier.value if report.tier else None,
        "report": digest_json(REPORT.dump_python(report, mode="json")),
        "model": version.digest if version else None,
    }
    target = AttemptState.PASSED if version else AttemptState.REFUTED
    attempt_move(attempt=attempt, target=target, evidence=found)
    if version:
        job_move(job=attempt.job, target=JobState.PASSED, fields={"result": version})
    else:
        _exhaust(attempt)


def _error(attempt: Attempt, failure: AttemptFailed) -> None:
    attempt_move(
        attempt=attempt,
        target=AttemptState.ERRORED,
        fields={"failure": dict(failure.as_json())},
        evidence={"code": failure.code},
    )
    _exhaust(attempt)


def _exhaust(attempt: Attempt) -> None:
    """End the job when its ladder has no rung left; else it waits for the model's next run."""
    step = step_of(attempt.job)
    if step.rung is None:
        job_move(job=attempt.job, target=JobState.EXHAUSTED, reason=step.code)
    ticket_settle(ticket=attempt.job.ticket)


def _close(lease: Lease, ended: Sequence[Attempt]) -> None:
    """End the batch when none of its attempts is under way; other work may have waited for it."""
    batch: Batch = lease_row(lease)
    under_way = batch.attempts.exclude(state__in=[str(state) for state in ATTEMPT_OVER])
    if not under_way.exists():
        batch_move(batch=batch, target=BatchState.OVER)
        queue.enqueue_on_commit(queue.RECLAIM)
    for ticket in {item.job.ticket.pk: item.job.ticket for item in ended}.values():
        ticket_settle(ticket=ticket)


def _report(attempt: Attempt) -> Report:
    return REPORT.validate_python(attempt.report)


def _store(lease: Lease, folder: Path) -> str:
    """Store the model under the lease's token, in place of what earlier holders left behind."""
    uri = artifact_store(folder, f"erasures/{lease.work_id}/{lease.token}")
    for token in range(1, lease.token):
        artifact_remove(f"{uri.rpartition('/')[0]}/{token}")
    return uri


def _register(passed: Sequence[Attempt], uri: str, result: Result) -> ModelVersion:
    """Register what the run made, less the scopes of all who passed."""
    original = passed[0].job.original
    nodes = {node.pk: node for attempt in passed for node in job_scope(attempt.job)}
    version = model_version_register(
        actor=WORKER,
        model=original.model,
        uri=uri,
        layout=result.model.layout if result.model else original.layout,
        recipe=original.recipe,
        uses=(),
        parent=original,
        method=result.method,
        effect=result.effect.value if result.effect else "",
        erased=tuple(nodes.values()),
    )
    if result.model is None or version.digest != result.model.digest:
        raise AttemptFailed(
            "artifact_changed", "The stored model is not the one that was verified. Retry."
        )
    return version
