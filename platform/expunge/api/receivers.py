"""What the API forgets when a ticket ends."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from expunge.api.idempotency import claims_forget
from expunge.common.clock import now
from expunge.tickets.models import Ticket
from expunge.tickets.signals import ticket_moved
from expunge.tickets.states import TERMINAL, TicketState


@receiver(ticket_moved)
def forget_answers(*, ticket_id: UUID, target: TicketState, **_: Any) -> None:
    """Remove the kept answers about a ticket that has ended."""
    if target in TERMINAL:
        ended = Ticket.objects.values_list("ended_at", flat=True).get(pk=ticket_id)
        claims_forget(ticket_id, before=ended or now())
