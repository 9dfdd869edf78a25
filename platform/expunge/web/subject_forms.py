"""The forms by which staff deal with an identity, a duplicate and an intake request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from expunge.subjects.identity import LONGEST_REFERENCE
from expunge.subjects.kinds import DeclineReason, Evidence, Level
from expunge.web.forms import LONGEST_TEXT, Styled


class EvidenceForm(Styled):
    """What a person saw."""

    ASKED_AS: ClassVar[Mapping[str, str]] = {"reference": "seen"}

    evidence = forms.ChoiceField(label=_("What you saw"), choices=Evidence.choices)
    level = forms.ChoiceField(label=_("Level of assurance"), choices=Level.choices)
    seen = forms.CharField(
        label=_("Where and when you saw it"),
        max_length=LONGEST_REFERENCE,
        help_text=_("Never a copy, and no number of a document."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class AttestationForm(Styled):
    """What an agent attests."""

    level = forms.ChoiceField(label=_("Level of assurance"), choices=Level.choices)
    reference = forms.CharField(
        label=_("Agent and reference"),
        max_length=LONGEST_REFERENCE,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class StaffCodeForm(Styled):
    """A code that came back by post."""

    code = forms.CharField(
        label=_("Code of our letter"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class DeclineForm(Styled):
    """Why no ticket is made."""

    reason = forms.ChoiceField(label=_("Reason"), choices=DeclineReason.choices)
    text = forms.CharField(
        label=_("What the person is told"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
