"""What a ticket's first entry in the audit log commits to, and showing it while that can be shown.

The entry holds ``HMAC-SHA256(k, request)``, where ``k`` follows from the ticket's key and opens
nothing else: who is shown one commitment can decrypt no text of the ticket.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import asdict
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.audit.disclosure import Disclosure
from expunge.audit.leaves import commitment
from expunge.audit.models import Leaf
from expunge.audit.services import audit_record
from expunge.common.errors import ConflictError, NotFoundError
from expunge.tickets.models import Ticket
from expunge.tickets.payload import TicketPayload, payload_decrypt, ticket_key

REQUEST = b"expunge.commitment/request"


def request_commitment(key: bytes, payload: TicketPayload) -> str:
    """Return what the log may hold of a request: it tells nothing without the ticket's key."""
    return commitment(_opening(key), asdict(payload))


@transaction.atomic
def request_disclose(*, actor: Actor, ticket_id: UUID) -> Disclosure:
    """Return what opens the commitment in a ticket's first entry; the log records that it left.

    Raises:
        NotFoundError: ``ticket_unknown``; ``entry_unknown``: the entry is of before commitments.
        NotAllowedError: ``permission_missing``.
        ConflictError: ``ticket_shredded``: the key is destroyed, so nobody can show it any more.
    """
    controllers = actor.controllers(Permission.TICKET_VIEW)
    ticket = Ticket.objects.filter(pk=ticket_id, controller_id__in=controllers).first()
    if ticket is None:
        raise NotFoundError("ticket_unknown", _("There is no such ticket for you."))
    actor.require(Permission.TICKET_REVIEW, ticket.controller_id)
    key, payload = ticket_key(ticket), payload_decrypt(ticket)
    if key is None or payload is None:
        raise ConflictError(
            "ticket_shredded",
            _("The key of this ticket is destroyed: what was asked can be shown no more."),
        )
    filed = Leaf.objects.filter(ticket_id=ticket.pk, action=AuditAction.TICKET_FILED).first()
    if filed is None:
        raise NotFoundError("entry_unknown", _("The log holds no entry of this ticket's filing."))
    audit_record(
        action=AuditAction.REQUEST_DISCLOSED,
        actor=actor.pseudonym,
        controller_id=ticket.controller_id,
        subject={"ticket": str(ticket.pk)},
        data={"entry": filed.seq},
    )
    return Disclosure(filed.seq, _opening(key), asdict(payload))


def _opening(key: bytes) -> bytes:
    return hmac.new(key, REQUEST, hashlib.sha256).digest()
