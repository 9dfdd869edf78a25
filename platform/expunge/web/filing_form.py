"""The forms of a new ticket: under which law and ground, then for whom."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundWidget
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from expunge.common import clock
from expunge.tickets.law import Ground, Regime
from expunge.web.forms import LONGEST_TEXT, Styled

PROFILES = (
    ("erasure", _("Erasure: like a model that never saw the data, also under attack")),
    ("behavioural", _("Behaviour only: the answers are gone; traces inside may remain")),
    ("exact", _("Exact: only methods that train without the data")),
    ("gdpr", _("Erasure as the GDPR asks: by all means reasonably likely to be used")),
    ("hipaa", _("Destruction as HIPAA asks: no identifier of its 18 kinds is left")),
)


class LawForm(Styled):
    """The ground, of those the regime knows, and what is to be shown."""

    ground = forms.ChoiceField(widget=forms.RadioSelect, label=_("Ground"))
    profile = forms.ChoiceField(label=_("What must be shown"), choices=PROFILES)

    def __init__(self, regime: Regime, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.regime = regime
        choices = [(item.code, item.label) for item in regime.grounds]
        self.fields["ground"].choices = choices  # type: ignore[attr-defined]

    @property
    def grounds(self) -> list[tuple[BoundWidget, Ground]]:
        """Return every ground with its radio button."""
        return list(zip(self["ground"], self.regime.grounds, strict=True))

    @property
    def kept(self) -> dict[str, str]:
        """Return what the draft keeps."""
        return {"regime": self.regime.name, **self.cleaned_data}


class PersonForm(Styled):
    """Whom the request is about, what they wrote, and when it arrived."""

    ASKED_AS: ClassVar[Mapping[str, str]] = {"received_at": "received_on"}

    subject_name = forms.CharField(
        label=_("Whom the request is about"),
        max_length=200,
        help_text=_("Encrypted under a key of this ticket, and destroyed when the ticket ends."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    contact = forms.CharField(
        label=_("How to reach them"),
        max_length=300,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    note = forms.CharField(
        label=_("What they wrote"),
        max_length=LONGEST_TEXT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    received_on = forms.DateField(
        label=_("Received on"),
        required=False,
        help_text=_("The clock runs from the day after. Leave empty for today."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    identity_confirmed = forms.BooleanField(
        label=_("Their identity is already shown"),
        required=False,
        help_text=_("Otherwise the ticket waits until someone confirms it."),
    )

    def clean_received_on(self) -> date | None:
        """Refuse a day that has not come yet, before the person goes on."""
        day: date | None = self.cleaned_data["received_on"]
        if day is not None and day > timezone.localdate(clock.now()):
            raise ValidationError(_("The day of receipt lies in the future."))
        return day

    @property
    def kept(self) -> dict[str, str]:
        """Return what the draft keeps."""
        day = self.cleaned_data["received_on"]
        return {
            "subject_name": self.cleaned_data["subject_name"],
            "contact": self.cleaned_data["contact"],
            "note": self.cleaned_data["note"],
            "received_on": day.isoformat() if day else "",
            "identity_confirmed": "1" if self.cleaned_data["identity_confirmed"] else "",
        }
