"""The forms of the account and administration pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from zoneinfo import available_timezones

import holidays
from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from expunge.accounts.models import Controller, ControllerPolicy, Role, User
from expunge.accounts.permissions import Actor, Permission
from expunge.accounts.policies import BOUNDS, policy_choices
from expunge.accounts.selectors import controllers_of, scopes_grantable
from expunge.accounts.services import TOKEN_DAYS, TOKEN_DAYS_MOST
from expunge.web.forms import Styled

ZONES = [(name, name.replace("_", " ")) for name in sorted(available_timezones())]
COUNTRIES = [(code, code) for code in sorted(holidays.list_supported_countries())]
SCOPES: Mapping[str, Any] = {
    Permission.TICKET_VIEW: _("See tickets"),
    Permission.TICKET_FILE: _("File tickets"),
    Permission.TICKET_REVIEW: _("Review tickets"),
    Permission.TICKET_APPROVE: _("Approve tickets"),
    Permission.JOB_OPERATE: _("Operate jobs"),
    Permission.REGISTRY_VIEW: _("See models and datasets"),
    Permission.REGISTRY_WRITE: _("Register models and datasets"),
    Permission.AUDIT_VIEW: _("Read the audit log"),
    Permission.CERTIFICATE_VIEW: _("See certificates"),
    Permission.CERTIFICATE_REVOKE: _("Revoke certificates"),
    Permission.ADMINISTER: _("Administer the organisation"),
}
"""What a scope lets a token do, in words."""


Boxes = forms.CheckboxSelectMultiple


class ProfileForm(Styled):
    """What a person is called, and how they see dates."""

    name = forms.CharField(label=_("Name"), max_length=200)
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=ZONES)

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, initial={"name": user.name, "time_zone": user.time_zone}, **kwargs)


class TokenForm(Styled):
    """A new token: for which organisation, what it may do, and for how long."""

    ASKED_AS: ClassVar = {"controller_id": "organisation"}

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("Where it is used, such as 'training jobs'.")
    )
    organisation = forms.ChoiceField(label=_("Organisation"))
    scopes = forms.MultipleChoiceField(label=_("What it may do"), widget=Boxes)
    days = forms.IntegerField(
        label=_("Days it lives"), initial=TOKEN_DAYS, min_value=1, max_value=TOKEN_DAYS_MOST
    )

    def __init__(self, actor: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = list(controllers_of(actor))
        held = {scope for item in own for scope in scopes_grantable(actor, item.pk)}
        _choices(self, "organisation", [(item.pk, item.name) for item in own])
        _choices(self, "scopes", [(str(s), SCOPES.get(s, s)) for s in Permission if s in held])


class InviteForm(Styled):
    """Whom to invite, and for what."""

    email = forms.EmailField(label=_("Mail address"))
    name = forms.CharField(label=_("Name"), max_length=200)
    roles = forms.MultipleChoiceField(label=_("Roles"), choices=Role.choices, widget=Boxes)


class OrganisationForm(Styled):
    """What the organisation is called and where it is established."""

    name = forms.CharField(label=_("Name"), max_length=200)
    country = forms.ChoiceField(
        label=_("Country"),
        choices=COUNTRIES,
        help_text=_("Its public holidays move deadlines that end on one of them."),
    )
    subdivision = forms.CharField(
        label=_("Part of the country"),
        max_length=10,
        required=False,
        help_text=_("As in the holiday calendar, such as BY for Bavaria."),
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=ZONES,
        help_text=_("The day of receipt is the calendar day in this zone."),
    )

    def __init__(self, controller: Controller, *args: Any, **kwargs: Any) -> None:
        initial = {name: getattr(controller, name) for name in self.base_fields}
        super().__init__(*args, initial=initial, **kwargs)


class PolicyForm(Styled):
    """What the organisation chooses for its tickets and its people."""

    profile = forms.ChoiceField(
        label=_("What must be shown"),
        help_text=_("The verification profile of a new ticket that does not name another."),
    )
    ladder = forms.MultipleChoiceField(
        label=_("Methods that may be tried"),
        required=False,
        widget=Boxes,
        help_text=_("From the gentlest to the strongest; none chosen means all."),
    )
    batch_window_minutes = forms.IntegerField(
        label=_("Minutes to wait for company"),
        help_text=_("Approved tickets for one model run together; 0 starts each at once."),
    )
    identity_expiry_days = forms.IntegerField(
        label=_("Days to show one's identity"),
        help_text=_("A ticket expires when nobody has shown who asks."),
    )
    retention_months = forms.IntegerField(
        label=_("Months to keep proof under the GDPR"),
        help_text=_("Proof without the person's data. CCPA and HIPAA set their own times."),
    )
    second_factor_roles = forms.MultipleChoiceField(
        label=_("Roles that need a second factor"),
        required=False,
        choices=Role.choices,
        widget=Boxes,
    )
    public_intake = forms.BooleanField(
        label=_("Take requests from a public form"),
        required=False,
        help_text=_("Anybody can ask there; nothing begins before their identity is shown."),
    )

    def __init__(self, policy: ControllerPolicy, *args: Any, **kwargs: Any) -> None:
        initial = {name: getattr(policy, name) for name in self.base_fields}
        super().__init__(*args, initial=initial, **kwargs)
        for name in ("profile", "ladder"):
            _choices(self, name, policy_choices(name))
        known = {name for name, _words in policy_choices("ladder")}
        if stale := [name for name in policy.ladder if name not in known]:
            field = self.fields["ladder"]
            field.help_text = f"{field.help_text} {_stale_words(stale)}"
        for name, (least, most) in BOUNDS.items():
            self.fields[name].widget.attrs |= {"min": least, "max": most}


def _stale_words(methods: list[str]) -> str:
    return gettext(
        "The policy names %(methods)s, which no ladder has any more; saving leaves it out."
    ) % {"methods": ", ".join(methods)}


def _choices(form: forms.Form, field: str, choices: Any) -> None:
    form.fields[field].choices = choices  # type: ignore[attr-defined]
