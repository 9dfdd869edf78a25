"""The forms of the public pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from expunge.tickets.regimes import regimes
from expunge.web.forms import LONGEST_TEXT, Styled

MOST_NOTE = min(LONGEST_TEXT, 2000)


class AskForm(Styled):
    """Who asks, how to reach them, under which law, and what they ask.

    ``website`` is no question: people do not see it, programs that fill in everything do.
    """

    subject_name = forms.CharField(
        label=_("Your name"),
        max_length=200,
        help_text=_("As we are likely to know it."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    contact = forms.CharField(
        label=_("How we reach you"),
        max_length=300,
        help_text=_("A mail address is fastest. A postal address will do."),
        widget=forms.TextInput(attrs={"autocomplete": "email"}),
    )
    regime = forms.ChoiceField(
        label=_("Under which law"), help_text=_("If you are not sure, leave it as it is.")
    )
    note = forms.CharField(
        label=_("What should be deleted"),
        max_length=MOST_NOTE,
        required=False,
        help_text=_("Whatever helps us find it: where you were a patient, customer or user."),
        widget=forms.Textarea(attrs={"rows": 5, "autocomplete": "off"}),
    )
    website = forms.CharField(required=False, widget=forms.TextInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        laws = [(law.name, f"{law.title}: {law.claim}") for law in regimes().values()]
        self.fields["regime"].choices = laws  # type: ignore[attr-defined]
        self.fields["regime"].initial = "gdpr"
        self.fields["website"].widget.attrs |= {"tabindex": "-1", "autocomplete": "off"}

    @property
    def is_trapped(self) -> bool:
        """Say whether a program filled in what nobody sees."""
        return bool(self.cleaned_data.get("website"))


class CodeForm(Styled):
    """The code of our letter."""

    code = forms.CharField(
        label=_("Code of our letter"),
        max_length=40,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "characters"}
        ),
    )


class WithdrawForm(Styled):
    """That one really wants to withdraw."""

    sure = forms.BooleanField(label=_("Yes, I withdraw my request"))
