"""Writing the suppression ledger, and raising alerts when a version brings someone back.

A registration is never refused for it, for then something would be hidden or lost. The ledger
holds no labels and no texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from expunge.accounts.permissions import Actor
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import now
from expunge.notices.kinds import EventKind
from expunge.notices.services import event_emit
from expunge.registry.lineage import subtree
from expunge.registry.matching import (
    Matches,
    dataset_lookalikes,
    dataset_matches,
    model_matches,
)
from expunge.registry.models import (
    AlertKind,
    DatasetVersion,
    ModelVersion,
    ScopeNode,
    SuppressionAlert,
    SuppressionEntry,
)
from expunge.registry.signals import suppression_alerted
from expunge.registry.tree import path_and_above

LEDGER = Actor(system="ledger")
CERTAIN = (AlertKind.DATASET_BRINGS_BACK, AlertKind.MODEL_BRINGS_BACK)
_BATCH = 2000
_DAYS_A_MONTH = 30.44


@transaction.atomic
def suppression_record(
    *,
    actor: Actor,
    controller_id: UUID,
    ticket_id: UUID,
    nodes: Iterable[ScopeNode],
    certificate: str,
) -> int:
    """Enter a certified ticket's nodes in the ledger; entering them twice changes nothing.

    Below a node that holds several data subjects, each of them gets an entry of their own.
    ``certificate`` is its number. Returns how many entries there are for it now.
    """
    rows = [
        SuppressionEntry(
            controller_id=controller_id,
            node=node,
            label_index=index,
            level=node.level,
            ticket_id=ticket_id,
            certificate=certificate,
        )
        for scope in nodes
        for node, index in _people(scope)
    ]
    SuppressionEntry.objects.bulk_create(rows, ignore_conflicts=True, batch_size=_BATCH)
    audit_record(
        action=AuditAction.SUPPRESSION_RECORDED,
        actor=actor.pseudonym,
        controller_id=controller_id,
        subject={"ticket": str(ticket_id)},
        data={"certificate": certificate, "entries": len(rows)},
    )
    return len(rows)


def dataset_alerts_raise(version: DatasetVersion) -> None:
    """Raise what a new dataset version calls for, in the transaction of its registration."""
    about = {"dataset_version": version, "controller": version.dataset.controller}
    alerts_raise(AlertKind.DATASET_BRINGS_BACK, dataset_matches(version), about)
    alerts_raise(AlertKind.POSSIBLE_MATCH, dataset_lookalikes(version), about)


def model_alerts_raise(version: ModelVersion, restored: ModelVersion | None = None) -> None:
    """Raise what a new model version calls for, in the transaction of its registration.

    ``restored`` is the earlier version whose weights it has, when those hold someone erased.
    """
    found: dict[UUID, frozenset[UUID]] = dict(model_matches(version))
    for ticket, nodes in (model_matches(restored) if restored else {}).items():
        found[ticket] = found.get(ticket, frozenset()) | nodes
    about = {"model_version": version, "controller": version.model.controller}
    alerts_raise(AlertKind.MODEL_BRINGS_BACK, found, about | {"restored_from": restored})


def suppression_expire() -> int:
    """Forget entries older than the organisation of the platform keeps them (0: never)."""
    months = int(settings.EXPUNGE_SUPPRESSION_MONTHS)
    if not months:
        return 0
    limit = now() - timedelta(days=months * _DAYS_A_MONTH)
    with transaction.atomic():
        forgotten = SuppressionEntry.objects.filter(created_at__lt=limit).delete()[0]
        if forgotten:
            audit_record(
                action=AuditAction.SUPPRESSION_EXPIRED,
                actor="system:retention",
                controller_id=None,
                subject={},
                data={"entries": forgotten, "before": limit.isoformat()},
            )
    return forgotten


def _people(scope: ScopeNode) -> list[tuple[ScopeNode, bytes]]:
    """Return the nodes to enter for one node of a scope, each with a data subject's index."""
    depth = scope.dataset.subject_level
    if scope.depth < depth:
        below = ScopeNode.objects.filter(subtree(scope), depth=depth).select_related("dataset")
        return [(node, bytes(node.label_index)) for node in (scope, *below.iterator(_BATCH))]
    path = path_and_above(scope.path)[depth]
    subject = ScopeNode.objects.get(dataset_id=scope.dataset_id, path=path)
    return [(scope, bytes(subject.label_index))]


def alerts_raise(kind: AlertKind, found: Matches, about: Mapping[str, Any]) -> None:
    """Store one alert a ticket, with its leaf and its event, in the caller's transaction."""
    for ticket, nodes in sorted(found.items()):
        given = {"kind": kind, "ticket_id": ticket, "nodes": sorted(nodes), **about}
        alert = SuppressionAlert.objects.create(**given)
        alert_audit(AuditAction.ALERT_RAISED, alert, LEDGER, {"nodes": len(nodes)})
        event_emit(
            kind=EventKind.ALERT_RAISED,
            controller_id=alert.controller_id,
            subject=_subject(alert),
            data={"kind": str(kind)},
        )
        if kind in CERTAIN:
            alert_announce(alert)


def alert_announce(alert: SuppressionAlert) -> None:
    """Have the signal sent once the transaction is committed."""
    send = partial(suppression_alerted.send_robust, sender=SuppressionAlert, alert_id=alert.pk)
    transaction.on_commit(send)


def alert_audit(
    action: AuditAction, alert: SuppressionAlert, actor: Actor, data: Mapping[str, Any]
) -> None:
    """Append the leaf of what happened to an alert."""
    audit_record(
        action=action,
        actor=actor.pseudonym,
        controller_id=alert.controller_id,
        subject=_subject(alert),
        data={"kind": str(alert.kind), **data},
    )


def _subject(alert: SuppressionAlert) -> dict[str, str]:
    about = {"alert": str(alert.pk), "ticket": str(alert.ticket_id)}
    if alert.dataset_version_id:
        about["dataset_version"] = str(alert.dataset_version_id)
    if alert.model_version_id:
        about["model_version"] = str(alert.model_version_id)
    return about
