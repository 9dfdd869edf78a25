"""What happens here when a ticket moves, or is deleted."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from celery import current_app
from django.dispatch import receiver
from kombu.exceptions import OperationalError

from expunge.containment.models import ContainmentBundle, ContainmentChoice
from expunge.containment.services import containment_settle
from expunge.containment.tasks import LOOK
from expunge.tickets.signals import ticket_moved, ticket_purging

logger = logging.getLogger(__name__)


@receiver(ticket_moved)
def follow_ticket(*, ticket_id: UUID, **_: Any) -> None:
    """Withdraw at once; publish through a worker, which has time to read records."""
    if not containment_settle(ticket_id=ticket_id):
        return
    try:
        current_app.send_task(LOOK, args=[str(ticket_id)], retry=False)
    except (OperationalError, OSError):
        logger.warning("The broker does not answer; the next sweep publishes what is missing")


@receiver(ticket_purging)
def forget_ticket(*, ticket_id: UUID, **_: Any) -> None:
    """Delete what is kept of a ticket whose time is over."""
    ContainmentBundle.objects.filter(ticket_id=ticket_id).delete()
    ContainmentChoice.objects.filter(ticket_id=ticket_id).delete()
