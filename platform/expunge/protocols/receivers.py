"""What the protocols do when a ticket moves: vouch for the identity, tell the other side."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from expunge.protocols.callbacks import request_tell
from expunge.protocols.models import ProtocolRequest
from expunge.tickets.signals import ticket_moved


@receiver(ticket_moved)
def follow_ticket(*, ticket_id: UUID, **_: Any) -> None:
    """Look at the request that the ticket came from, if it came by a protocol."""
    found = ProtocolRequest.objects.filter(intake__ticket_id=ticket_id).values_list("pk", flat=True)
    for request_id in found:
        request_tell(request_id=request_id)
