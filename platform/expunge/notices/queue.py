"""Handing rows of the outbox to Celery. A message carries one id and means "have a look".

Postgres says what is due. A message that is lost, late or doubled does no harm: the sweep finds
every row, and a row is claimed before it is sent.
"""

from __future__ import annotations

import logging
from functools import partial
from uuid import UUID

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

MODULE = "expunge.notices.tasks"
NOTICE_SEND = f"{MODULE}.notice_send"
DELIVERY_SEND = f"{MODULE}.delivery_send"
OUTBOX_SWEEP = f"{MODULE}.outbox_sweep"
OUTBOX_FORGET = f"{MODULE}.outbox_forget"


def enqueue_on_commit(task: str, item: UUID) -> None:
    """Have a worker look at the row once the present transaction is committed."""
    transaction.on_commit(partial(_send, task, item), robust=True)


def _send(task: str, item: UUID) -> None:
    try:
        current_app.send_task(task, args=[str(item)], retry=False)
    except (OperationalError, OSError):
        logger.warning("The broker does not answer; the next sweep finds what waits")
