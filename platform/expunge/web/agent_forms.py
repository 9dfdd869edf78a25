"""The forms of the Data Rights Protocol's directory."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from expunge.web.forms import Styled


class BusinessForm(Styled):
    """The organisation's name in the directory."""

    business_id = forms.CharField(
        label=_("Business id"),
        max_length=100,
        help_text=_("As the service directory lists the organisation."),
    )


class AgentForm(Styled):
    """One agent of the directory."""

    agent_id = forms.CharField(label=_("Agent id"), max_length=100)
    name = forms.CharField(label=_("Name"), max_length=200)
    verify_key = forms.CharField(
        label=_("Verify key"),
        max_length=60,
        help_text=_("The Ed25519 public key of the directory, in base64."),
    )
    attests = forms.BooleanField(
        label=_("Its word on a person's identity counts"),
        required=False,
        help_text=_("Where it says that it verified a mail address, a number or an address."),
    )
