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
from expunge.tickets.payload import TicketPayload
from expunge.tickets.signals import ticket_filing, ticket_moved
from expunge.tickets.states import TicketState


@receiver(ticket_filing)
def index_ticket(*, ticket: Ticket, payload: TicketPayload, **_: Any) -> None:
    """Let a new ticket be found by who it is about."""
    indexes_store(ticket=ticket, payload=payload)


@receiver(ticket_moved)
def follow_ticket(*, ticket_id: UUID, target: TicketState, **_: Any) -> None:
    """Take the names of a certified ticket out of the trees."""
    if target is TicketState.CLOSED:
        ticket_labels_shred(ticket_id=ticket_id)


def link_in_letters(ticket: Ticket) -> str:
    """Return a fresh secret link for a letter that is being written."""
    return link_for(ticket=ticket, actor=PERSON)


status_links_from(link_in_letters)
