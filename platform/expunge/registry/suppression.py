"""Alerts that someone who was erased came back: who sees them, and what is done about them.

Certain alerts call for a new erasure; about possible ones a person decides. They are raised by
:mod:`expunge.registry.ledger` when a version is registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.common.clock import now
from expunge.common.errors import ConflictError, InvalidInputError, NotFoundError
from expunge.registry.ledger import (
    CERTAIN,
    alert_announce,
    alert_audit,
    alerts_raise,
    suppression_record,
)
from expunge.registry.models import (
    AlertKind,
    AlertState,
    ScopeNode,
    SuppressionAlert,
    SuppressionEntry,
)
from expunge.registry.selectors import versions_touched

_PENDING = Q(kind__in=CERTAIN, state=AlertState.OPEN) | Q(state=AlertState.CONFIRMED)


class ConfirmReason(models.TextChoices):
    """Why an alert is right."""

    SAME_PERSON = "same_person", _("It is the same person")
    NOT_AGREED = "not_agreed", _("The person did not agree to come back")


class DismissReason(models.TextChoices):
    """Why an alert calls for nothing."""

    ANOTHER_PERSON = "another_person", _("It is another person of the same name")
    AGREED_ANEW = "agreed_anew", _("The person agreed anew")
    DUTY_TO_KEEP = "duty_to_keep", _("The law asks to keep it")


REASONS: Mapping[AlertState, type[models.TextChoices]] = {
    AlertState.CONFIRMED: ConfirmReason,
    AlertState.DISMISSED: DismissReason,
}


def alerts_visible(actor: Actor, *, state: str | None = None) -> QuerySet[SuppressionAlert]:
    """Return the alerts of the actor's controllers, newest first."""
    alerts = SuppressionAlert.objects.filter(
        controller_id__in=actor.controllers(Permission.TICKET_VIEW)
    ).select_related(
        "dataset_version__dataset", "model_version__model", "restored_from__model", "decided_by"
    )
    return alerts.filter(state=state) if state else alerts


def alerts_undecided(actor: Actor) -> QuerySet[SuppressionAlert]:
    """Return the alerts that wait for this actor to confirm or dismiss them."""
    mine = actor.controllers(Permission.TICKET_REVIEW)
    return alerts_visible(actor, state=AlertState.OPEN).filter(
        controller_id__in=mine, job_id__isnull=True
    )


def alerts_about(
    actor: Actor, *, model_id: UUID | None = None, dataset_id: UUID | None = None
) -> QuerySet[SuppressionAlert]:
    """Return the open and confirmed alerts about a model or a dataset."""
    about = Q(model_version__model_id=model_id) if model_id else Q()
    about &= Q(dataset_version__dataset_id=dataset_id) if dataset_id else Q()
    waiting = [AlertState.OPEN, AlertState.CONFIRMED]
    return alerts_visible(actor).filter(about, state__in=waiting)


def alerts_open(actor: Actor) -> int:
    """Count the alerts that wait for somebody, for the actor's controllers."""
    return alerts_visible(actor).filter(state=AlertState.OPEN).count()


def alert_get(actor: Actor, alert_id: UUID) -> SuppressionAlert:
    """Return one alert; raises ``alert_unknown``."""
    found = alerts_visible(actor).filter(pk=alert_id).first()
    if found is None:
        raise NotFoundError("alert_unknown", _("There is no such alert for you."))
    return found


def alert_may_decide(actor: Actor, alert: SuppressionAlert) -> bool:
    """Say whether the actor may confirm or dismiss the alert now."""
    allowed = actor.may(Permission.TICKET_REVIEW, alert.controller_id)
    return allowed and alert.state == AlertState.OPEN and alert.job_id is None


def alert_nodes(actor: Actor, alert: SuppressionAlert) -> tuple[ScopeNode, ...]:
    """Return the nodes an alert is about, for those who decide; their labels are personal."""
    if not actor.may(Permission.TICKET_REVIEW, alert.controller_id):
        return ()
    return tuple(ScopeNode.objects.filter(pk__in=alert.nodes).select_related("dataset"))


def alerts_without_job() -> QuerySet[SuppressionAlert]:
    """Return the alerts about model versions that call for an erasure job and have none yet."""
    return SuppressionAlert.objects.filter(
        _PENDING, model_version__isnull=False, job_id__isnull=True
    ).order_by("created_at")


def alerts_followed() -> QuerySet[SuppressionAlert]:
    """Return the alerts that a job answers and that are not resolved yet."""
    return SuppressionAlert.objects.filter(_PENDING, job_id__isnull=False)


@transaction.atomic
def alert_decide(*, actor: Actor, alert_id: UUID, decision: str, reason: str) -> SuppressionAlert:
    """Confirm or dismiss an open alert, with a coded reason.

    Who was confirmed as the same person counts as erased in the other dataset too, so the model
    versions that hold them there raise alerts of their own.

    Raises:
        InvalidInputError: ``decision_unknown``, ``reason_unknown``.
        ConflictError: ``alert_decided``.
    """
    alert = alert_get(actor, alert_id)
    actor.require(Permission.TICKET_REVIEW, alert.controller_id)
    _check(decision, reason)
    columns = {"state": decision, "reason": reason, "decided_by": actor.user, "decided_at": now()}
    waiting = SuppressionAlert.objects.filter(
        pk=alert_id, state=AlertState.OPEN, job_id__isnull=True
    )
    if waiting.update(**columns) != 1:
        raise ConflictError("alert_decided", _("This alert was decided, or work on it has begun."))
    alert.refresh_from_db()
    alert_audit(AuditAction.ALERT_DECIDED, alert, actor, {"decision": decision, "reason": reason})
    if decision == AlertState.CONFIRMED:
        if alert.kind == AlertKind.POSSIBLE_MATCH:
            _extend(alert, actor)
        alert_announce(alert)
    return alert


def alert_follow(*, alert_id: UUID, job_id: UUID) -> bool:
    """Note that a job answers the alert; says whether it was the first. For the platform only."""
    waiting = SuppressionAlert.objects.filter(_PENDING, pk=alert_id, job_id__isnull=True)
    return waiting.update(job_id=job_id) == 1


@transaction.atomic
def alert_resolve(*, actor: Actor, alert_id: UUID) -> None:
    """Note that what an alert was about is over; once is enough. For the platform only."""
    alert = SuppressionAlert.objects.get(pk=alert_id)
    pending = SuppressionAlert.objects.filter(_PENDING, pk=alert_id)
    if pending.update(state=AlertState.RESOLVED) == 1:
        alert_audit(AuditAction.ALERT_RESOLVED, alert, actor, {})


def _extend(alert: SuppressionAlert, actor: Actor) -> None:
    """Enter the nodes of a confirmed match, and raise what models hold of them already."""
    nodes = tuple(ScopeNode.objects.filter(pk__in=alert.nodes).select_related("dataset"))
    entry = SuppressionEntry.objects.filter(ticket_id=alert.ticket_id).latest("created_at")
    suppression_record(
        actor=actor,
        controller_id=alert.controller_id,
        ticket_id=alert.ticket_id,
        nodes=nodes,
        certificate=entry.certificate,
    )
    for version in versions_touched(nodes):
        about = {"model_version": version, "ticket_id": alert.ticket_id}
        if not SuppressionAlert.objects.filter(**about).exists():
            found = {alert.ticket_id: frozenset(alert.nodes)}
            given = {"model_version": version, "controller": version.model.controller}
            alerts_raise(AlertKind.MODEL_BRINGS_BACK, found, given)


def _check(decision: str, reason: str) -> None:
    if decision not in REASONS:
        raise InvalidInputError(
            "decision_unknown", _("Confirm the alert or dismiss it."), field="decision"
        )
    known = REASONS[AlertState(decision)].values
    if reason not in known:
        raise InvalidInputError(
            "reason_unknown",
            _("Give a reason: one of %(known)s.") % {"known": ", ".join(known)},
            field="reason",
        )
