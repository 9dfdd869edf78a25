"""The Celery tasks. A message means "have a look"; Postgres knows what is due."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from uuid import UUID

from celery import shared_task

from expunge.subjects.erased import ticket_labels_shred, tickets_with_labels
from expunge.subjects.expiry import identity_look
from expunge.tickets.endings import tickets_without_identity

logger = logging.getLogger(__name__)
AT_ONCE = 1000


@shared_task(name="expunge.subjects.tasks.subjects_sweep", acks_late=False)
def subjects_sweep() -> None:
    """Remind and expire, and make up for what a lost signal left undone."""
    _for_each(tickets_without_identity().values_list("pk", flat=True), identity_look)
    _for_each(tickets_with_labels().values_list("pk", flat=True)[:AT_ONCE], ticket_labels_shred)


def _for_each(tickets: Iterable[UUID], act: Callable[..., None]) -> None:
    for ticket_id in tickets:
        try:
            act(ticket_id=ticket_id)
        except Exception as error:  # noqa: BLE001 - one ticket must not hold up the others
            # No trace: it may quote data.
            logger.error("Ticket %s is stuck: %s", ticket_id, type(error).__name__)  # noqa: TRY400
