"""What pages say about certificates that were checked again, and about revoking them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from expunge.accounts.permissions import Actor, Permission
from expunge.certificates.kinds import RevocationReason, SupersessionReason
from expunge.jobs.selectors import reviews_of_model, reviews_of_ticket
from expunge.notices.kinds import Language
from expunge.tickets.models import Ticket
from expunge.web.forms import LONGEST_TEXT, Styled

MOST = 20


class RevokeForm(Styled):
    """Why a document is revoked."""

    reason = forms.ChoiceField(
        label=_("Reason"),
        choices=[
            (RevocationReason.ISSUED_IN_ERROR, _("Issued in error")),
            (RevocationReason.SUPERSEDED, _("A newer document takes its place")),
        ],
    )
    text = forms.CharField(
        label=_("In your words"),
        max_length=LONGEST_TEXT,
        help_text=_("Encrypted; the log and the public list give the reason only."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class SupersedeForm(Styled):
    """Why a newer document is to take the place of one, and in which language."""

    reason = forms.ChoiceField(
        label=_("Reason"),
        choices=[
            (SupersessionReason.LANGUAGE, _("It is wanted in another language")),
            (SupersessionReason.CORRECTION, _("What it names was corrected since")),
            (SupersessionReason.KEY_COMPROMISED, _("A key that signed it became known")),
        ],
    )
    language = forms.ChoiceField(label=_("Language"), choices=Language.choices)
    text = forms.CharField(
        label=_("In your words"),
        max_length=LONGEST_TEXT,
        help_text=_("Encrypted; the log and the public list give the reason only."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


def reviews_context(actor: Actor, ticket: Ticket) -> dict[str, Any]:
    """Return what became of a ticket's certified erasures on later versions."""
    may_revoke = actor.may(Permission.CERTIFICATE_REVOKE, ticket.controller_id)
    return {
        "reviews": reviews_of_ticket(actor, ticket)[:MOST],
        "revoke_form": RevokeForm(auto_id=False) if may_revoke else None,
        "supersede_form": SupersedeForm(auto_id=False) if may_revoke else None,
    }


def model_reviews(actor: Actor, model_id: UUID) -> dict[str, Any]:
    """Return what was checked again on the versions of a model."""
    return {"reviews": reviews_of_model(actor, model_id)[:MOST]}
