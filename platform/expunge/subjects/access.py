"""Finding and locking the ticket that somebody acts on."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.common.errors import ConflictError, NotFoundError
from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState

PERSON = Actor(system="data-subject")
"""The data subject, who came by a secret link or a code."""


def ticket_locked(actor: Actor, ticket_id: UUID, permission: Permission) -> Ticket:
    """Return the locked ticket; raises ``ticket_unknown`` or ``permission_missing``."""
    ticket = (
        Ticket.objects.select_for_update(of=("self",))
        .select_related("controller")
        .filter(pk=ticket_id, controller_id__in=actor.controllers(Permission.TICKET_VIEW))
        .first()
    )
    if ticket is None:
        raise NotFoundError("ticket_unknown", _("There is no such ticket for you."))
    actor.require(permission, ticket.controller_id)
    return ticket


def identity_awaited(ticket: Ticket) -> None:
    """Raise ``identity_not_awaited`` unless the ticket waits for the person's identity."""
    if ticket.state != TicketState.IDENTITY_PENDING:
        raise ConflictError(
            "identity_not_awaited", _("This ticket does not wait for anybody's identity.")
        )
