"""The forms of letters, webhooks and recipients."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from expunge.notices.kinds import EventKind, Language
from expunge.notices.letters import BODY_MOST, SUBJECT_MOST
from expunge.notices.models import WebhookEndpoint
from expunge.tickets.reasons import RecipientExcuse, RecipientRole
from expunge.tickets.recipient_models import Recipient
from expunge.tickets.recipients import RecipientFields, receivable
from expunge.web.forms import LONGEST_TEXT, Styled

Boxes = forms.CheckboxSelectMultiple
KINDS = [(kind.value, kind.label) for kind in EventKind if kind is not EventKind.TEST]


class WordingForm(Styled):
    """The wording of one letter."""

    subject = forms.CharField(label=_("Subject"), max_length=SUBJECT_MOST)
    body = forms.CharField(
        label=_("Text"), max_length=BODY_MOST, widget=forms.Textarea(attrs={"rows": 18})
    )


class EndpointForm(Styled):
    """Where events go, and which."""

    name = forms.CharField(label=_("Name"), max_length=100)
    url = forms.CharField(
        label=_("Address"), max_length=500, help_text=_("An https:// address on the internet.")
    )
    kinds = forms.MultipleChoiceField(label=_("Events"), choices=KINDS, widget=Boxes)

    @classmethod
    def of(cls, endpoint: WebhookEndpoint, data: Any = None) -> EndpointForm:
        """Return the form of an endpoint that is there."""
        now = {"name": endpoint.name, "url": endpoint.url, "kinds": endpoint.kinds}
        return cls(data, initial=now)


class RecipientForm(Styled):
    """Who received what, and how they are told."""

    name = forms.CharField(label=_("Name"), max_length=200)
    role = forms.ChoiceField(label=_("What they do with it"), choices=RecipientRole.choices)
    contact = forms.CharField(
        label=_("Contact"),
        max_length=300,
        help_text=_("A mail address; anything else makes letters to be sent by hand."),
    )
    language = forms.ChoiceField(label=_("Language"), choices=Language.choices)
    model_ids = forms.MultipleChoiceField(label=_("Models"), required=False, widget=Boxes)
    dataset_ids = forms.MultipleChoiceField(label=_("Datasets"), required=False, widget=Boxes)
    endpoint_id = forms.ChoiceField(label=_("Webhook endpoint"), required=False)

    def __init__(self, controller_id: UUID, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        there = receivable(controller_id)
        choices: dict[str, list[tuple[Any, Any]]] = {
            "model_ids": [(str(item.pk), item.name) for item in there.models],
            "dataset_ids": [(str(item.pk), item.name) for item in there.datasets],
            "endpoint_id": [("", _("None")), *((str(i.pk), i.name) for i in there.endpoints)],
        }
        for name, values in choices.items():
            field = self.fields[name]
            if isinstance(field, forms.ChoiceField):
                field.choices = values
            if not values:  # an empty group of boxes says nothing
                field.widget = forms.MultipleHiddenInput()

    @classmethod
    def of(cls, recipient: Recipient, data: Any = None) -> RecipientForm:
        """Return the form of a recipient that is there."""
        now = {
            "name": recipient.name,
            "role": recipient.role,
            "contact": recipient.contact,
            "language": recipient.language,
            "model_ids": [str(item.pk) for item in recipient.received.all()],
            "dataset_ids": [str(item.pk) for item in recipient.datasets.all()],
            "endpoint_id": str(recipient.endpoint_id or ""),
        }
        return cls(recipient.controller_id, data, initial=now)

    def given(self) -> RecipientFields:
        """Return what was filled in."""
        data = self.cleaned_data
        return RecipientFields(
            name=data["name"],
            role=data["role"],
            contact=data["contact"],
            language=data["language"],
            model_ids=tuple(map(UUID, data["model_ids"])),
            dataset_ids=tuple(map(UUID, data["dataset_ids"])),
            endpoint_id=UUID(data["endpoint_id"]) if data["endpoint_id"] else None,
        )


class ExcuseForm(Styled):
    """Why a recipient is not told."""

    reason = forms.ChoiceField(label=_("Reason"), choices=RecipientExcuse.choices)
    text = forms.CharField(
        label=_("Why"), max_length=LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": 2})
    )
