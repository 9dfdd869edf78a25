"""Webhook endpoints: made, changed, given new secrets, switched on and off, tried out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission, controller_for
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import now
from expunge.common.errors import ConflictError, InvalidInputError, NotAllowedError
from expunge.notices import queue
from expunge.notices.kinds import EventKind
from expunge.notices.models import (
    OutboxState,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from expunge.notices.outgoing import url_check
from expunge.notices.selectors import delivery_get, endpoint_get
from expunge.notices.services import delivery_queue
from expunge.notices.signing import new_secret

MOST = 20
OVERLAP = timedelta(hours=24)
"""How long the old secret also signs after a rotation."""
NAME_MOST = 100


@transaction.atomic
def endpoint_create(
    *, actor: Actor, controller_id: UUID, name: str, url: str, kinds: Iterable[str]
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint; its secret is returned once and never shown again.

    Raises:
        InvalidInputError: ``name_missing``, ``url_refused``, ``kinds_missing``, ``kind_unknown``.
        ConflictError: ``too_many_endpoints``.
        NotAllowedError: ``permission_missing``, ``person_needed``.
    """
    controller = controller_for(actor, Permission.ADMINISTER, controller_id)
    if actor.user is None:
        raise NotAllowedError("person_needed", _("A person must make an endpoint."))
    fields = _checked(name, url, kinds)
    standing = WebhookEndpoint.objects.filter(controller=controller, deleted_at__isnull=True)
    if standing.count() >= MOST:
        raise ConflictError(
            "too_many_endpoints",
            _("There are %(most)d endpoints already. Delete one first.") % {"most": MOST},
        )
    secret = new_secret()
    endpoint = WebhookEndpoint.objects.create(
        controller=controller, secret=secret, created_by=actor.user, **fields
    )
    _audit(AuditAction.WEBHOOK_CREATED, actor, endpoint, kinds=endpoint.kinds)
    return endpoint, secret


@transaction.atomic
def endpoint_change(
    *, actor: Actor, endpoint_id: UUID, name: str, url: str, kinds: Iterable[str]
) -> WebhookEndpoint:
    """Change name, address or kinds of an endpoint; raises as :func:`endpoint_create`."""
    endpoint = endpoint_get(actor, endpoint_id, lock=True)
    return _store(
        AuditAction.WEBHOOK_CHANGED, actor, endpoint, _checked(name, url, kinds), kinds=True
    )


@transaction.atomic
def endpoint_rotate(*, actor: Actor, endpoint_id: UUID) -> tuple[WebhookEndpoint, str]:
    """Give an endpoint a new secret, returned once; the old one also signs for a day."""
    endpoint = endpoint_get(actor, endpoint_id, lock=True)
    secret = new_secret()
    columns = {
        "secret": secret,
        "old_secret": endpoint.secret,
        "old_until": now() + OVERLAP,
    }
    return _store(AuditAction.WEBHOOK_ROTATED, actor, endpoint, columns), secret


@transaction.atomic
def endpoint_enable(*, actor: Actor, endpoint_id: UUID) -> WebhookEndpoint:
    """Switch an endpoint on again, with a clean slate."""
    endpoint = endpoint_get(actor, endpoint_id, lock=True)
    columns = {"enabled": True, "disabled_reason": "", "failing_since": None}
    return _store(AuditAction.WEBHOOK_ENABLED, actor, endpoint, columns)


@transaction.atomic
def endpoint_disable(*, actor: Actor, endpoint_id: UUID) -> WebhookEndpoint:
    """Switch an endpoint off; what waits for it is cancelled when its turn comes."""
    endpoint = endpoint_get(actor, endpoint_id, lock=True)
    columns = {"enabled": False, "disabled_reason": "by_hand"}
    return _store(AuditAction.WEBHOOK_DISABLED, actor, endpoint, columns)


@transaction.atomic
def endpoint_delete(*, actor: Actor, endpoint_id: UUID) -> None:
    """Take an endpoint away; its secrets go, its log of deliveries stays for its retention."""
    endpoint = endpoint_get(actor, endpoint_id, lock=True)
    columns = {"enabled": False, "deleted_at": now(), "secret": "", "old_secret": None}
    _store(AuditAction.WEBHOOK_DELETED, actor, endpoint, columns)


@transaction.atomic
def endpoint_test(*, actor: Actor, endpoint_id: UUID) -> WebhookDelivery:
    """Send a test event to one endpoint, whatever kinds it wants; raises ``endpoint_disabled``."""
    endpoint = endpoint_get(actor, endpoint_id, lock=True)
    _switched_on(endpoint)
    event = WebhookEvent.objects.create(
        controller_id=endpoint.controller_id,
        kind=EventKind.TEST,
        occurred_at=now(),
        data={"endpoint": str(endpoint.pk)},
    )
    delivery = delivery_queue(endpoint, event)
    _audit(AuditAction.WEBHOOK_TESTED, actor, endpoint)
    return delivery


@transaction.atomic
def delivery_retry(*, actor: Actor, delivery_id: UUID) -> WebhookDelivery:
    """Send an event once more by hand, under its old id; raises ``delivery_under_way``."""
    delivery = delivery_get(actor, delivery_id)
    _switched_on(delivery.endpoint)
    over = (OutboxState.SENT, OutboxState.FAILED, OutboxState.CANCELLED)
    again = WebhookDelivery.objects.filter(pk=delivery.pk, state__in=over).update(
        state=OutboxState.QUEUED, tries=0, due_at=now(), error="", ended_at=None
    )
    if not again:
        raise ConflictError("delivery_under_way", _("This delivery is on its way already."))
    _audit(AuditAction.WEBHOOK_REDELIVERED, actor, delivery.endpoint, delivery=str(delivery.pk))
    delivery.refresh_from_db()
    queue.enqueue_on_commit(queue.DELIVERY_SEND, delivery.pk)
    return delivery


def _checked(name: str, url: str, kinds: Iterable[str]) -> dict[str, Any]:
    if not name.strip() or len(name.strip()) > NAME_MOST:
        raise InvalidInputError("name_missing", _("Give the endpoint a name."), field="name")
    url_check(url.strip())
    wanted = sorted({str(kind) for kind in kinds})
    if not wanted:
        raise InvalidInputError("kinds_missing", _("Choose at least one event."), field="kinds")
    if not set(wanted) <= set(EventKind.values):
        raise InvalidInputError("kind_unknown", _("There is no such event."), field="kinds")
    return {"name": name.strip(), "url": url.strip(), "kinds": wanted}


def _switched_on(endpoint: WebhookEndpoint) -> None:
    if not endpoint.enabled:
        raise ConflictError(
            "endpoint_disabled", _("The endpoint is switched off. Switch it on first.")
        )


def _store(
    action: AuditAction,
    actor: Actor,
    endpoint: WebhookEndpoint,
    columns: Mapping[str, Any],
    *,
    kinds: bool = False,
) -> WebhookEndpoint:
    for name, value in columns.items():
        setattr(endpoint, name, value)
    endpoint.save(update_fields=list(columns))
    _audit(action, actor, endpoint, **({"kinds": endpoint.kinds} if kinds else {}))
    return endpoint


def _audit(action: AuditAction, actor: Actor, endpoint: WebhookEndpoint, **data: Any) -> None:
    audit_record(
        action=action,
        actor=actor.pseudonym,
        controller_id=endpoint.controller_id,
        subject={"webhook": str(endpoint.pk)},
        data=data,
    )
