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
from expunge.tickets.states import TicketState

logger = logging.getLogger(__name__)

BEFORE = frozenset({TicketState.RECEIVED, TicketState.IDENTITY_PENDING})
"""States that no approval precedes: there is nothing to publish or to withdraw yet."""


@receiver(ticket_moved)
def follow_ticket(*, ticket_id: UUID, target: TicketState, **_: Any) -> None:
    """Withdraw at once; publish through a worker, which has time to read records."""
    if target in BEFORE or not containment_settle(ticket_id=ticket_id):
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
