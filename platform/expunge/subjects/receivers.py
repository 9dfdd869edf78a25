"""What happens here when a ticket moves, and the link that letters carry."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from expunge.subjects.access import PERSON
from expunge.subjects.duplicates import indexes_store
from expunge.subjects.erased import ticket_labels_shred
from expunge.subjects.links import link_for
from expunge.tickets.correspondence import status_links_from
from expunge.tickets.models import Ticket
from expunge.tickets.signals import ticket_moved
from expunge.tickets.states import TicketState


@receiver(ticket_moved)
def follow_ticket(*, ticket_id: UUID, source: TicketState, target: TicketState, **_: Any) -> None:
    """Index a new ticket; take the names of a certified one out of the trees."""
    if source is TicketState.RECEIVED:
        indexes_store(ticket_id=ticket_id)
    elif target is TicketState.CLOSED:
        ticket_labels_shred(ticket_id=ticket_id)


def link_in_letters(ticket: Ticket) -> str:
    """Return a fresh secret link for a letter that is being written."""
    return link_for(ticket=ticket, actor=PERSON)


status_links_from(link_in_letters)
