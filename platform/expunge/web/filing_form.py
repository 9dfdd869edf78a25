"""The form of a new ticket: ground, day of receipt, and whom it is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any, ClassVar

from django import forms
from django.forms.boundfield import BoundWidget
from django.utils import timezone

from expunge.common import clock
from expunge.tickets.law import Ground, Regime
from expunge.web.forms import LONGEST_TEXT, Styled

PROFILES = (
    ("erasure", "Erasure: like a model that never saw the data, also under attack"),
    ("behavioural", "Behaviour only: the answers are gone; traces inside may remain"),
    ("exact", "Exact: only methods that train without the data"),
)


class FilingForm(Styled):
    """Fields of a ticket; the choice of grounds is the regime's."""

    ASKED_AS: ClassVar[Mapping[str, str]] = {"received_at": "received_on"}

    ground = forms.ChoiceField(widget=forms.RadioSelect)
    subject_name = forms.CharField(
        label="Whom the request is about",
        max_length=200,
        help_text="Encrypted under a key of this ticket, and destroyed when the ticket ends.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    contact = forms.CharField(
        label="How to reach them",
        max_length=300,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    note = forms.CharField(
        label="What they wrote",
        max_length=LONGEST_TEXT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    received_on = forms.DateField(
        label="Received on",
        required=False,
        help_text="The clock runs from the day after. Leave empty for today.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    profile = forms.ChoiceField(label="What must be shown", choices=PROFILES, initial="erasure")
    identity_confirmed = forms.BooleanField(label="Their identity is already shown", required=False)

    def __init__(self, regime: Regime, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.regime = regime
        choices = [(item.code, item.label) for item in regime.grounds]
        self.fields["ground"].choices = choices  # type: ignore[attr-defined]

    @property
    def grounds(self) -> list[tuple[BoundWidget, Ground]]:
        """Return every ground with its radio button."""
        return list(zip(self["ground"], self.regime.grounds, strict=True))

    def clean_received_on(self) -> datetime | None:
        """Turn the day into its noon where the person is; today stays open to the service."""
        day = self.cleaned_data["received_on"]
        if day is None or day == timezone.localdate(clock.now()):
            return None
        return timezone.make_aware(datetime.combine(day, time(12)))

    @property
    def payload(self) -> dict[str, str]:
        """Return the person's data."""
        return {name: self.cleaned_data[name] for name in ("subject_name", "contact", "note")}

    @property
    def decisions(self) -> dict[str, Any]:
        """Return what the ticket is filed with, besides the person's data."""
        return {
            "ground": self.cleaned_data["ground"],
            "profile": self.cleaned_data["profile"],
            "received_at": self.cleaned_data["received_on"],
            "identity_confirmed": self.cleaned_data["identity_confirmed"],
        }
