"""The Celery tasks of the outbox. A message means "have a look"; Postgres knows what is due."""

from __future__ import annotations

from time import monotonic
from uuid import UUID

from celery import shared_task

from expunge.common.clock import now
from expunge.notices import queue
from expunge.notices.delivery import notice_deliver
from expunge.notices.models import Notice, WebhookDelivery
from expunge.notices.outbox import rows_due
from expunge.notices.retention import outbox_forget as forget
from expunge.notices.webhooks import delivery_deliver

SWEEP_SECONDS = 25.0
"""How long one sweep sends before it lets others have the worker."""
AT_ONCE = 500


@shared_task(name=queue.NOTICE_SEND, acks_late=False)
def notice_send(notice_id: str) -> None:
    """Send one letter, if it is due."""
    notice_deliver(UUID(notice_id))


@shared_task(name=queue.DELIVERY_SEND, acks_late=False)
def delivery_send(delivery_id: str) -> None:
    """Send one event to one endpoint, if it is due."""
    delivery_deliver(UUID(delivery_id))


@shared_task(name=queue.OUTBOX_SWEEP, acks_late=False)
def outbox_sweep() -> None:
    """Send what is due: what is tried again, and what a crash or a lost message left.

    An endpoint that fails is left alone for the rest of the sweep, so that it cannot hold up
    the others.
    """
    until = monotonic() + SWEEP_SECONDS
    letters = rows_due(Notice, now()).order_by("due_at").values_list("pk", flat=True)
    for notice_id in list(letters[:AT_ONCE]):
        if monotonic() > until:
            return
        notice_deliver(notice_id)
    unwell: set[UUID] = set()
    events = rows_due(WebhookDelivery, now()).order_by("due_at").values_list("pk", "endpoint_id")
    for delivery_id, endpoint_id in list(events[:AT_ONCE]):
        if monotonic() > until:
            return
        if endpoint_id not in unwell and not delivery_deliver(delivery_id):
            unwell.add(endpoint_id)


@shared_task(name=queue.OUTBOX_FORGET, acks_late=False)
def outbox_forget() -> None:
    """Erase what has waited too long, and delete old rows."""
    forget()
