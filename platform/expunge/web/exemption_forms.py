"""The forms of exemptions: what is kept and why, and when to look at it again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from expunge.registry.selectors import scope_trails
from expunge.tickets.citations import cited
from expunge.tickets.exemptions import parts_of
from expunge.tickets.models import Ticket
from expunge.tickets.regimes import regime_named
from expunge.tickets.rules import today_at
from expunge.web.forms import LONGEST_TEXT, Styled

LOOK_AGAIN = timedelta(days=180)


class DayInput(forms.DateInput):
    """A field for a day, with the calendar of the browser."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class ExemptionForm(Styled):
    """A part of the scope that is kept, under which exemption, why, and until when."""

    ASKED_AS: ClassVar[Mapping[str, str]] = {"node_id": "part"}

    part = forms.ChoiceField(label=_("What is kept"))
    code = forms.ChoiceField(label=_("Exemption"))
    text = forms.CharField(
        label=_("Why it applies"),
        max_length=LONGEST_TEXT,
        help_text=_("Encrypted, and destroyed when the ticket ends."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    review_on = forms.DateField(label=_("Look at it again on"), widget=DayInput())

    def __init__(self, ticket: Ticket, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "exempt-%s")
        super().__init__(*args, **kwargs)
        scope, below = parts_of(ticket)
        trails = scope_trails([*scope, *below])
        names = {node: " / ".join(item.label for item in trails[node]) for node in trails}
        datasets = {node.dataset_id: node.dataset.name for node in scope}
        groups = [
            (_("Named in the ticket"), [(f"node:{node.pk}", names[node]) for node in scope]),
            (_("A part of it"), [(f"node:{node.pk}", names[node]) for node in below]),
            (
                _("All of it in a dataset"),
                [(f"dataset:{pk}", name) for pk, name in datasets.items()],
            ),
        ]
        offered = [(title, rows) for title, rows in groups if rows]
        self.fields["part"].choices = [("", _("Choose")), *offered]  # type: ignore[attr-defined]
        law = regime_named(ticket.regime)
        self.fields["code"].choices = [  # type: ignore[attr-defined]
            ("", _("Choose a reason")),
            *((item.code, f"{item.label} ({cited(item.citation)})") for item in law.exemptions),
        ]
        self.fields["review_on"].initial = today_at(ticket) + LOOK_AGAIN

    @property
    def arguments(self) -> dict[str, Any]:
        """Return what the service is asked for."""
        given = dict(self.cleaned_data)
        kind, _sep, value = given.pop("part").partition(":")
        return {**given, f"{kind}_id": UUID(value)}


class ReviewForm(Styled):
    """When to look at an exemption again."""

    review_on = forms.DateField(label=_("Still applies; look again on"), widget=DayInput())

    def __init__(self, exemption_id: UUID, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", f"{exemption_id}-%s")
        super().__init__(*args, **kwargs)
        self.id = exemption_id
