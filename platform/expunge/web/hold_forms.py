"""The forms of legal holds: what is covered, by which authority, and why a hold ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from expunge.accounts.permissions import Actor, Permission
from expunge.registry import selectors
from expunge.registry.models import ScopeNode
from expunge.tickets.models import HoldKind
from expunge.tickets.reasons import HoldReason, ReleaseReason
from expunge.tickets.selectors import tickets_visible
from expunge.web.forms import LONGEST_TEXT, Styled


@dataclass(frozen=True)
class Target:
    """What a hold is to cover, and whose it is."""

    controller_id: UUID
    id: UUID


class HoldForm(Styled):
    """One kind of thing to hold, with authority and reason; each kind asks for its thing."""

    ASKED_AS: ClassVar[Mapping[str, str]] = {"text": "authority"}
    ASKS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        HoldKind.SUBJECT: ("dataset", "label", "node"),
        HoldKind.DATASET: ("dataset",),
        HoldKind.MODEL: ("model",),
        HoldKind.TICKET: ("reference",),
    }

    dataset = forms.ChoiceField(label=_("Dataset"))
    label = forms.CharField(
        label=_("Exact name in the dataset"),
        max_length=200,
        help_text=_("The person, or a part below them, as it is written there."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    node = forms.ChoiceField(
        label=_("Which one"),
        error_messages={"required": _("Several have this name. Choose one.")},
    )
    model = forms.ChoiceField(label=_("Model"))
    reference = forms.CharField(
        label=_("Reference of the ticket"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    reason = forms.ChoiceField(
        label=_("Reason"), choices=[("", _("Choose a reason")), *HoldReason.choices]
    )
    authority = forms.CharField(
        label=_("Authority and matter"),
        max_length=LONGEST_TEXT,
        help_text=_("Who ordered it, with the file number. Encrypted."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, actor: Actor, kind: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor, self.kind = actor, kind
        self.found: tuple[ScopeNode, ...] = ()
        for name in {"dataset", "label", "node", "model", "reference"} - set(self.ASKS[kind]):
            del self.fields[name]
        self.own = actor.controllers(Permission.TICKET_REVIEW)
        if "dataset" in self.fields:
            datasets = selectors.datasets_visible(actor).filter(controller_id__in=self.own)
            self._offer("dataset", [(str(item.pk), item.name) for item in datasets])
        if "model" in self.fields:
            models = selectors.models_visible(actor).filter(controller_id__in=self.own)
            self._offer("model", [(str(item.pk), item.name) for item in models])
        if "node" in self.fields:
            self._find_nodes()

    def target(self) -> Target | None:
        """Return what the form names; ``None``, with an error at its field, when that is open."""
        if self.kind == HoldKind.SUBJECT:
            return self._node()
        if self.kind == HoldKind.TICKET:
            return self._ticket()
        chosen = UUID(self.cleaned_data[self.kind])
        if self.kind == HoldKind.DATASET:
            return Target(selectors.dataset_get(self.actor, chosen).controller_id, chosen)
        return Target(selectors.model_get(self.actor, chosen).controller_id, chosen)

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = [("", _("Choose")), *choices]  # type: ignore[attr-defined]

    def _find_nodes(self) -> None:
        """Look the name up; ask which one is meant when several have it."""
        known = {value for value, _label in self.fields["dataset"].choices}  # type: ignore[attr-defined]
        dataset, label = self.data.get("dataset"), str(self.data.get("label", "")).strip()
        if dataset and dataset in known and label:
            self.found = selectors.scope_search(self.actor, UUID(dataset), label)
        if len(self.found) > 1:
            trails = selectors.scope_trails(self.found)
            places = {node: " / ".join(item.label for item in trails[node]) for node in self.found}
            self._offer("node", [(str(node.pk), places[node]) for node in self.found])
        else:
            del self.fields["node"]

    def _node(self) -> Target | None:
        chosen = self.cleaned_data.get("node", "")
        nodes = [node for node in self.found if str(node.pk) == chosen or len(self.found) == 1]
        if nodes:
            return Target(nodes[0].dataset.controller_id, nodes[0].pk)
        self.add_error("label", _("Nothing in this dataset has exactly this name."))
        return None

    def _ticket(self) -> Target | None:
        wanted = self.cleaned_data["reference"].strip().upper()
        found = tickets_visible(self.actor).filter(reference=wanted, controller_id__in=self.own)
        for ticket in found:
            return Target(ticket.controller_id, ticket.pk)
        self.add_error("reference", _("There is no ticket with this reference for you."))
        return None


class ReleaseForm(Styled):
    """Why a hold ends."""

    reason = forms.ChoiceField(
        label=_("Reason"), choices=[("", _("Choose a reason")), *ReleaseReason.choices]
    )
    text = forms.CharField(
        label=_("Why it ends"), max_length=LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": 2})
    )
