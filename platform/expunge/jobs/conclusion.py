"""How an attempt ends: one transaction that moves the attempt, its job and its ticket.

Each function holds the ticket's row first, as everything that moves tickets does, and then the
attempt's row under the fencing token: a legal hold that was placed a moment before wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import transaction

from contract.canonical import digest_json
from contract.report import REPORT, Report, Verdict
from contract.result import Result
from expunge.common.errors import DomainError
from expunge.jobs import queue
from expunge.jobs.failures import AttemptFailed, AttemptStopped, LeaseLost
from expunge.jobs.leases import Lease, lease_attempt
from expunge.jobs.models import Attempt
from expunge.jobs.moves import WORKER, attempt_move, job_move
from expunge.jobs.services import job_advance, scope_of, ticket_settle
from expunge.jobs.states import AttemptState, JobState
from expunge.registry.artifacts import artifact_remove, artifact_store
from expunge.registry.models import Model, ModelVersion
from expunge.registry.services import model_version_register
from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState


def attempt_at_work(lease: Lease) -> Attempt:
    """Lock ticket, model and attempt in a transaction, and return the attempt.

    Raises ``AttemptStopped`` unless ticket and job are at work, ``LeaseLost``.
    """
    ticket = _ticket(lease)
    # Before any audit leaf is written: those are written one at a time, whoever writes them.
    Model.objects.select_for_update(no_key=True).get(versions__jobs__attempts=lease.attempt_id)
    attempt = lease_attempt(lease)
    at_work = (TicketState.IN_PROGRESS, JobState.RUNNING)
    if attempt.cancel_requested or (ticket.state, attempt.job.state) != at_work:
        raise AttemptStopped
    attempt.job.ticket = ticket
    return attempt


def attempt_conclude(lease: Lease, unlearned: Path, result: Result, report: Report) -> None:
    """End the attempt by its report: a new model version when it passed, else the next rung.

    Raises :class:`AttemptStopped` when ticket or job is no longer at work, ``LeaseLost``.
    """
    if report.verdict is not Verdict.PASS:
        with transaction.atomic():
            found = {"verdict": report.verdict.value, "report": _digest(report)}
            _end(attempt_at_work(lease), AttemptState.REFUTED, found)
        return
    if result.model is None:
        raise AttemptFailed("crashed", "The method reported success but made no model.")
    uri = _store(lease, unlearned / result.model.path)
    try:
        with transaction.atomic():
            attempt = attempt_at_work(lease)
            version = _register(attempt, uri, result)
            evidence: dict[str, str | None] = {
                "verdict": report.verdict.value,
                "tier": report.tier.value if report.tier else None,
                "report": _digest(report),
                "model": version.digest,
            }
            attempt_move(attempt=attempt, target=AttemptState.PASSED, evidence=evidence)
            job_move(job=attempt.job, target=JobState.PASSED, fields={"result": version})
            ticket_settle(ticket=attempt.job.ticket)
            queue.enqueue_on_commit(queue.RECLAIM)
    except (AttemptFailed, AttemptStopped, DomainError, LeaseLost):
        artifact_remove(uri)
        raise


def attempt_fail(lease: Lease, failure: AttemptFailed) -> None:
    """End an attempt that could not be run, and let the planner decide what follows."""
    try:
        with transaction.atomic():
            attempt = attempt_at_work(lease)
            fields = {"failure": dict(failure.as_json())}
            _end(attempt, AttemptState.ERRORED, {"code": failure.code}, fields)
    except AttemptStopped:
        attempt_stop(lease)


@transaction.atomic
def attempt_stop(lease: Lease) -> None:
    """End an attempt that a person or a legal hold stopped."""
    ticket = _ticket(lease)
    attempt = lease_attempt(lease)
    attempt_move(attempt=attempt, target=AttemptState.CANCELLED)
    _settle(ticket)


def _ticket(lease: Lease) -> Ticket:
    return Ticket.objects.select_for_update().get(jobs__attempts=lease.attempt_id)


def _end(
    attempt: Attempt,
    target: AttemptState,
    evidence: Mapping[str, Any],
    fields: Mapping[str, Any] | None = None,
) -> None:
    attempt_move(attempt=attempt, target=target, fields=fields, evidence=evidence)
    job_advance(job=attempt.job)
    _settle(attempt.job.ticket)


def _settle(ticket: Ticket) -> None:
    """Settle the ticket; other tickets may have waited for the model."""
    ticket_settle(ticket=ticket)
    queue.enqueue_on_commit(queue.RECLAIM)


def _store(lease: Lease, folder: Path) -> str:
    """Store the model under the lease's token, in place of what earlier holders left behind."""
    uri = artifact_store(folder, f"erasures/{lease.attempt_id}/{lease.token}")
    for token in range(1, lease.token):
        artifact_remove(f"{uri.rpartition('/')[0]}/{token}")
    return uri


def _register(attempt: Attempt, uri: str, result: Result) -> ModelVersion:
    original = attempt.job.original
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
        erased=scope_of(attempt.job.ticket),
    )
    if result.model is None or version.digest != result.model.digest:
        raise AttemptFailed(
            "artifact_changed", "The stored model is not the one that was verified. Retry."
        )
    return version


def _digest(report: Report) -> str:
    return digest_json(REPORT.dump_python(report, mode="json"))
