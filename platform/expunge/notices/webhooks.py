"""Sending one event to one endpoint, and switching off an endpoint that no longer answers."""

from __future__ import annotations

import json
from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

from django.db import transaction

from expunge.accounts.models import Membership, Role
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import local_date, now
from expunge.notices.handling import PLATFORM
from expunge.notices.kinds import NoticeKind
from expunge.notices.models import (
    DeliveryTry,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from expunge.notices.outbox import WEBHOOK, row_cancelled, row_claim, row_failed, row_sent
from expunge.notices.outgoing import Answer, Resolver, post, resolve
from expunge.notices.services import mail_send
from expunge.notices.signing import signed_headers

GIVE_UP = timedelta(days=5)
"""An endpoint that has failed for so long, without a success, is switched off."""


def delivery_deliver(delivery_id: UUID, *, resolver: Resolver = resolve) -> bool:
    """Send one event if it is due and nobody else has it; say whether the endpoint is well."""
    delivery = row_claim(WebhookDelivery, delivery_id)
    if delivery is None:
        return True
    endpoint = delivery.endpoint
    if not endpoint.enabled:
        row_cancelled(delivery, error="endpoint_disabled")
        return False
    body = event_body(delivery.event)
    headers = signed_headers(
        secrets_of(endpoint), message_id(delivery.event), int(now().timestamp()), body
    )
    answer = post(endpoint.url, body, headers, resolver=resolver)
    _record(delivery, answer)
    return answer.is_success


def event_body(event: WebhookEvent) -> bytes:
    """Return the body of an event, the same at every try."""
    content = {
        "type": event.kind,
        "timestamp": event.occurred_at.isoformat(),
        "data": event.data,
    }
    return json.dumps(content, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()


def message_id(event: WebhookEvent) -> str:
    """Return the ``webhook-id``: a receiver that has seen it has seen the event."""
    return f"msg_{event.pk.hex}"


def secrets_of(endpoint: WebhookEndpoint) -> list[str]:
    """Return the secrets that sign now: the present one, and the old one in its last hours."""
    overlaps = endpoint.old_secret and endpoint.old_until and endpoint.old_until > now()
    return [endpoint.secret, *([endpoint.old_secret] if overlaps else [])]


@transaction.atomic
def _record(delivery: WebhookDelivery, answer: Answer) -> None:
    DeliveryTry.objects.create(
        delivery=delivery,
        status=answer.status,
        error=answer.error,
        milliseconds=answer.milliseconds,
    )
    standing = WebhookEndpoint.objects.filter(pk=delivery.endpoint_id)
    if answer.is_success:
        row_sent(delivery)
        standing.filter(failing_since__isnull=False).update(failing_since=None)
        return
    gone = answer.status == HTTPStatus.GONE
    error = answer.error or f"status_{answer.status}"
    row_failed(delivery, error=error, patience=WEBHOOK, final=gone)
    standing.filter(failing_since__isnull=True).update(failing_since=now())
    endpoint = standing.select_related("controller").get()
    if gone or (endpoint.failing_since and now() - endpoint.failing_since > GIVE_UP):
        _switch_off(endpoint, "gone" if gone else "failing")


def _switch_off(endpoint: WebhookEndpoint, reason: str) -> None:
    """Switch an endpoint off once, record it, and tell the administrators."""
    switched = WebhookEndpoint.objects.filter(pk=endpoint.pk, enabled=True).update(
        enabled=False, disabled_reason=reason
    )
    if not switched:
        return
    since = endpoint.failing_since or now()
    administrators = Membership.objects.filter(
        controller_id=endpoint.controller_id, role=Role.ADMINISTRATOR, user__is_active=True
    ).select_related("user")
    for membership in administrators:
        mail_send(
            kind=NoticeKind.ENDPOINT_DISABLED,
            controller_id=endpoint.controller_id,
            recipient=membership.user.email,
            language=membership.user.language or "en",
            context={
                "endpoint": endpoint.name,
                "failing_since": local_date(since, endpoint.controller.time_zone).isoformat(),
            },
            ticket_id=None,
        )
    audit_record(
        action=AuditAction.WEBHOOK_DISABLED,
        actor=PLATFORM,
        controller_id=endpoint.controller_id,
        subject={"webhook": str(endpoint.pk)},
        data={"reason": reason},
    )
