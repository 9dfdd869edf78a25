"""The part of a ticket's page about its person: identity, duplicates, secret links."""

from __future__ import annotations

from typing import Any

from django import forms

from expunge.accounts.permissions import Actor, Permission
from expunge.subjects.duplicates import lookalikes_of
from expunge.subjects.links import links_of
from expunge.subjects.models import TicketDuplicate
from expunge.subjects.selectors import identity_of
from expunge.tickets.models import Ticket
from expunge.web.subject_forms import AttestationForm, EvidenceForm, StaffCodeForm

FORMS: dict[str, type[forms.Form]] = {
    "evidence": EvidenceForm,
    "attestation": AttestationForm,
    "code": StaffCodeForm,
}


def subject_context(
    actor: Actor, ticket: Ticket, returned: dict[str, forms.Form] | None = None
) -> dict[str, Any]:
    """Return the values of the panels; ``returned`` is a form that came back with errors."""
    identity = identity_of(actor, ticket)
    asked = {name: kind(auto_id=f"identity-{name}-%s") for name, kind in FORMS.items()}
    return {
        "identity": identity,
        "identity_forms": {**asked, **(returned or {})} if identity.awaited else {},
        "identity_returned": tuple(returned or ()),
        "lookalikes": lookalikes_of(actor, ticket),
        "duplicate": TicketDuplicate.objects.select_related("survivor")
        .filter(ticket=ticket)
        .first(),
        "links": links_of(actor, ticket),
        "may_link": actor.may(Permission.TICKET_REVIEW, ticket.controller_id),
    }
