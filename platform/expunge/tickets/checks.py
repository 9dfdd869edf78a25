"""What every decision about a ticket asks first: the ticket, locked, and reasons that are given."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.common.errors import InvalidInputError, NotFoundError
from expunge.tickets.models import Ticket
from expunge.tickets.rules import Task, obstacle


def ticket_for(task: Task, actor: Actor, ticket_id: UUID) -> Ticket:
    """Lock and return the ticket if the actor may do the task with it now; else raise why not."""
    ticket = ticket_locked(actor, ticket_id)
    error = obstacle(task, actor, ticket)
    if error is not None:
        raise error
    return ticket


def ticket_locked(actor: Actor, ticket_id: UUID) -> Ticket:
    """Lock and return a ticket the actor may see; raises ``ticket_unknown``."""
    ticket = (
        Ticket.objects.select_for_update(of=("self",))
        .select_related("controller")
        .filter(pk=ticket_id, controller_id__in=actor.controllers(Permission.TICKET_VIEW))
        .first()
    )
    if ticket is None:
        raise NotFoundError("ticket_unknown", _("There is no such ticket for you."))
    return ticket


def code_given(reason: str, known: Collection[str]) -> str:
    """Return the coded reason; raises ``reason_unknown``."""
    if reason not in known:
        raise InvalidInputError(
            "reason_unknown",
            _("Give a reason: one of %(known)s.") % {"known": ", ".join(sorted(known))},
            field="reason",
        )
    return str(reason)


def text_given(text: str) -> str:
    """Return the text without the space around it; raises ``text_missing``."""
    if not text.strip():
        raise InvalidInputError("text_missing", _("Say why, in a sentence or two."), field="text")
    return text.strip()
