"""What the page of a ticket says about the recipients of what it concerned, and about letters."""

from __future__ import annotations

from typing import Any

from expunge.accounts.permissions import Actor, Permission
from expunge.notices.selectors import notices_about
from expunge.tickets.models import Ticket
from expunge.tickets.recipient_notices import recipient_notices_of
from expunge.web.correspondence_forms import ExcuseForm


def recipients_context(actor: Actor, ticket: Ticket) -> dict[str, Any]:
    """Return the recipients who were told, and the letters about the ticket."""
    reviews = actor.may(Permission.TICKET_REVIEW, ticket.controller_id)
    return {
        "recipients_told": recipient_notices_of(actor, ticket),
        "recipients_editable": reviews,
        "excuse_form": ExcuseForm(auto_id=False) if reviews else None,
        "letters": notices_about(actor, ticket.pk),
    }
