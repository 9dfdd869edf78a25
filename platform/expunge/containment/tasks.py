"""The Celery tasks. A message means "have a look"; Postgres knows what is due."""

from __future__ import annotations

import logging
from uuid import UUID

from celery import shared_task
from django.db.models import Q

from expunge.containment.models import ContainmentBundle
from expunge.containment.services import CONTAINING, containment_look
from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState

logger = logging.getLogger(__name__)
LOOK = "expunge.containment.tasks.containment_one"


@shared_task(name=LOOK, acks_late=False)
def containment_one(ticket_id: str) -> None:
    """Bring one ticket's bundles in line with its state."""
    containment_look(ticket_id=UUID(ticket_id))


@shared_task(name="expunge.containment.tasks.containment_sweep", acks_late=False)
def containment_sweep() -> None:
    """Find what a crash, a lost message or a new model version left undone."""
    active = ContainmentBundle.objects.filter(withdrawn_at__isnull=True).values("ticket")
    held = Q(state=TicketState.ON_HOLD, held_from__in=CONTAINING)
    due = Ticket.objects.filter(Q(state__in=CONTAINING) | held | Q(pk__in=active))
    for ticket_id in due.order_by("created_at").values_list("pk", flat=True):
        try:
            containment_look(ticket_id=ticket_id)
        except Exception as error:  # noqa: BLE001 - one ticket must not hold up the others
            # No trace: it may quote data.
            logger.error("Ticket %s is stuck: %s", ticket_id, type(error).__name__)  # noqa: TRY400
