"""What was certified as gone is back: revoke the certificate, reopen the ticket, work again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from expunge.audit.actions import AuditAction
from expunge.certificates.selectors import certificate_standing
from expunge.certificates.services import certificate_revoke
from expunge.common.errors import ConflictError
from expunge.jobs import queue
from expunge.jobs.models import Cause, ErasureJob
from expunge.jobs.moves import WORKER, job_audit
from expunge.jobs.states import JobState
from expunge.registry.models import ModelVersion, SuppressionAlert
from expunge.registry.suppression import (
    alert_follow,
    alert_resolve,
    alerts_followed,
    alerts_without_job,
)
from expunge.tickets.models import Outcome, Ticket
from expunge.tickets.services import ticket_reopen
from expunge.tickets.states import TERMINAL, TicketState

logger = logging.getLogger(__name__)

SETTLING = frozenset({TicketState.VERIFIED, TicketState.CERTIFIED})


@transaction.atomic
def work_again(
    *, ticket_id: UUID, version: ModelVersion, cause: Cause, nodes: Sequence[UUID] = ()
) -> ErasureJob | None:
    """Take a ticket up again on a version where its data came back; once per version and cause.

    Returns ``None`` when there is nothing to take up: the ticket ended without a certificate or
    is purged, or its certificate is being made and this must be asked again.
    """
    ticket = Ticket.objects.select_for_update().filter(pk=ticket_id).first()
    if ticket is None or ticket.state in SETTLING:
        return None
    standing = certificate_standing(ticket_id)
    if ticket.state in TERMINAL:
        if ticket.outcome != Outcome.CERTIFIED or ticket.purged_at:
            return None
        if standing is not None:
            certificate_revoke(actor=WORKER, certificate_id=standing.pk, reason=cause)
        ticket_reopen(actor=WORKER, ticket_id=ticket_id, reason=cause)
        ticket.refresh_from_db()
    job, made = ErasureJob.objects.get_or_create(
        ticket=ticket, original=version, cause=cause, defaults={"nodes": list(nodes)}
    )
    if made:
        data = {"original": str(version.pk), "cause": str(cause)}
        job_audit(job, AuditAction.JOB_PLANNED, data)
    queue.enqueue_on_commit(queue.TICKET_START, ticket_id)
    return job


@transaction.atomic
def alert_answer(*, alert_id: UUID) -> None:
    """Answer an alert that someone erased is back in a model version, unless that was done."""
    alert = alerts_without_job().filter(pk=alert_id).select_related("model_version").first()
    if alert is None or alert.model_version is None:
        return
    job = work_again(
        ticket_id=alert.ticket_id,
        version=alert.model_version,
        cause=Cause.BROUGHT_BACK,
        nodes=_other_nodes(alert),
    )
    if job is not None:
        alert_follow(alert_id=alert_id, job_id=job.pk)


def alerts_sweep() -> None:
    """Answer the alerts that a crash left, and close those whose job is done."""
    for alert_id in alerts_without_job().values_list("pk", flat=True):
        try:
            alert_answer(alert_id=alert_id)
        except ConflictError as error:
            logger.warning("Alert %s waits: %s", alert_id, error.code)
    for alert in alerts_followed():
        job = ErasureJob.objects.filter(pk=alert.job_id) if alert.job_id else None
        if job and job.filter(state=JobState.PASSED).exists():
            alert_resolve(actor=WORKER, alert_id=alert.pk)


def _other_nodes(alert: SuppressionAlert) -> tuple[UUID, ...]:
    """Return the alert's nodes where they are not below the ticket's own scope."""
    own = set(
        Ticket.objects.filter(pk=alert.ticket_id).values_list("scopes__node__dataset", flat=True)
    )
    version = alert.model_version
    found = version.model.controller.datasets.filter(nodes__pk__in=alert.nodes) if version else ()
    elsewhere = any(dataset.pk not in own for dataset in found)
    return tuple(alert.nodes) if elsewhere else ()
