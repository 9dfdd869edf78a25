"""The person's data in a ticket, under a key of the ticket's own.

Deleting the key shreds the payload and every text of the ticket, in backups of them too. A
backup that holds the key row itself must be rotated out.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from django.db.models import QuerySet

from expunge.common.crypto import decrypt, encrypt, new_key
from expunge.tickets.models import LegalHold, Ticket, TicketKey


@dataclass(frozen=True)
class TicketPayload:
    """Who the request is about, how to reach them in which language, and what they wrote.

    An empty ``language`` means the one spoken where the controller is.
    """

    subject_name: str = field(repr=False)
    contact: str = field(default="", repr=False)
    note: str = field(default="", repr=False)
    language: str = ""


def key_create(ticket: Ticket, key: bytes | None = None) -> bytes:
    """Store the key of a ticket, a fresh one unless it was made before the ticket was stored."""
    key = key or new_key()
    TicketKey.objects.create(ticket=ticket, wrapped=encrypt(key, context=_key_context(ticket)))
    return key


def payload_encrypt(ticket: Ticket, payload: TicketPayload, key: bytes) -> bytes:
    """Encrypt a payload under the ticket's key."""
    data = json.dumps(asdict(payload), ensure_ascii=False).encode()
    return encrypt(data, context=f"ticket-payload:{ticket.pk}", key=key)


def payload_decrypt(ticket: Ticket) -> TicketPayload | None:
    """Return the payload, or ``None`` once it is shredded."""
    key = ticket_key(ticket)
    if key is None or not ticket.payload:
        return None
    data = decrypt(bytes(ticket.payload), context=f"ticket-payload:{ticket.pk}", key=key)
    return TicketPayload(**json.loads(data))


def text_encrypt(ticket: Ticket, text: str, key: bytes) -> bytes:
    """Encrypt a reason's text under the ticket's key."""
    return encrypt(text.encode(), context=f"ticket-text:{ticket.pk}", key=key)


def text_decrypt(ticket: Ticket, data: bytes | memoryview | None, key: bytes | None) -> str:
    """Return a reason's text; empty once it is shredded."""
    if key is None or data is None:
        return ""
    return decrypt(bytes(data), context=f"ticket-text:{ticket.pk}", key=key).decode()


def ticket_key(ticket: Ticket) -> bytes | None:
    """Return the ticket's key, or ``None`` once it is shredded."""
    stored = TicketKey.objects.filter(ticket=ticket).first()
    return None if stored is None else decrypt(bytes(stored.wrapped), context=_key_context(ticket))


def shred(ticket: Ticket) -> None:
    """Destroy the ticket's key: payload and texts can never be read again.

    The texts go too: a ticket that is taken up again has another key, which does not open them.
    """
    TicketKey.objects.filter(ticket=ticket).delete()
    for rows in (ticket.moves, ticket.exemptions):
        rows.filter(text__isnull=False).update(text=None)
    hold_texts_erase(ticket.holds.all())


def hold_texts_erase(holds: QuerySet[LegalHold]) -> None:
    """Erase what was written about holds that are over; their codes, times and people stay."""
    holds.filter(released_at__isnull=False).update(authority="", release_text=None)


def _key_context(ticket: Ticket) -> str:
    return f"ticket-key:{ticket.pk}"
