"""The Celery tasks of the protocols."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from expunge.common.clock import now
from expunge.notices.outbox import rows_due
from expunge.protocols.callbacks import (
    CALLBACK_SEND,
    callback_deliver,
    request_tell,
    requests_open,
)
from expunge.protocols.models import Callback

AT_ONCE = 500


@shared_task(name=CALLBACK_SEND, acks_late=False)
def callback_send(callback_id: str) -> None:
    """Send one callback, if it is due."""
    callback_deliver(UUID(callback_id))


@shared_task(name="expunge.protocols.tasks.protocols_sweep", acks_late=False)
def protocols_sweep() -> None:
    """Tell what a crash left untold, and send what is due."""
    for request_id in requests_open().values_list("pk", flat=True).iterator():
        request_tell(request_id=request_id)
    due = rows_due(Callback, now()).order_by("due_at").values_list("pk", flat=True)
    for callback_id in list(due[:AT_ONCE]):
        callback_deliver(callback_id)
