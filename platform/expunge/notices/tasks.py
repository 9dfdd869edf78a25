"""The Celery tasks of the outbox. A message means "have a look"; Postgres knows what is due."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from expunge.common.clock import now
from expunge.notices import queue
from expunge.notices.delivery import notice_deliver
from expunge.notices.models import Notice
from expunge.notices.outbox import rows_due
from expunge.notices.retention import outbox_forget as forget

AT_ONCE = 200
"""So many rows of each kind a sweep sends before it lets others have the worker."""


@shared_task(name=queue.NOTICE_SEND, acks_late=False)
def notice_send(notice_id: str) -> None:
    """Send one letter, if it is due."""
    notice_deliver(UUID(notice_id))


@shared_task(name=queue.OUTBOX_SWEEP, acks_late=False)
def outbox_sweep() -> None:
    """Send everything that is due: what is tried again, and what a crash or a lost message left."""
    due = rows_due(Notice, now()).order_by("due_at").values_list("pk", flat=True)
    for notice_id in list(due[:AT_ONCE]):
        notice_deliver(notice_id)


@shared_task(name=queue.OUTBOX_FORGET, acks_late=False)
def outbox_forget() -> None:
    """Erase what has waited too long, and delete old rows."""
    forget()
