"""A ticket's containment as its page shows it, and the choice whether it outlives the ticket."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from expunge.accounts.permissions import Actor, Permission
from expunge.containment.models import ChoiceReason
from expunge.containment.selectors import bundles_of
from expunge.containment.services import is_called_for, may_choose
from expunge.tickets.models import Ticket
from expunge.web.forms import Styled


class ChoiceForm(Styled):
    """Keep containment or lift it, and why."""

    keep = forms.ChoiceField(
        label=_("When the ticket is closed without verification"),
        choices=[("1", _("Keep the person out of answers")), ("0", _("Lift the containment"))],
    )
    reason = forms.ChoiceField(label=_("Reason"), choices=ChoiceReason.choices)


def containment_context(actor: Actor, ticket: Ticket) -> dict[str, Any]:
    """Return the values of the panel."""
    bundles = bundles_of(actor, ticket)
    reviewer = actor.may(Permission.TICKET_REVIEW, ticket.controller_id)
    return {
        "bundles": bundles,
        "contained": [bundle for bundle in bundles if bundle.withdrawn_at is None],
        "containment_due": is_called_for(ticket) and not bundles,
        "containment_choice": ticket.containment_choices.select_related("user").first(),
        "containment_form": ChoiceForm() if reviewer and may_choose(ticket) else None,
    }
