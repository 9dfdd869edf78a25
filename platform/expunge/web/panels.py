"""The panels of a ticket's page that other rooms fill: who adds what to its context.

Each panel has a template ``templates/tickets/panels/<name>.html``, which shows nothing when there
is nothing to say, and may have a function here that hands it its values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from expunge.accounts.permissions import Actor
from expunge.tickets.models import Ticket
from expunge.web.containment_page import containment_context
from expunge.web.hold_page import kept_context
from expunge.web.recipient_page import recipients_context
from expunge.web.review_page import reviews_context
from expunge.web.subject_page import subject_context

Panel = Callable[[Actor, Ticket], Mapping[str, Any]]
PANELS: Sequence[Panel] = (
    kept_context,
    subject_context,
    containment_context,
    recipients_context,
    reviews_context,
)


def panels_context(actor: Actor, ticket: Ticket) -> dict[str, Any]:
    """Return the values of every panel; names are the panels' own and do not meet."""
    values: dict[str, Any] = {}
    for panel in PANELS:
        values |= panel(actor, ticket)
    return values
