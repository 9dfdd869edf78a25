"""The forms of the pages: they check shape; the services check meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from expunge.common.errors import DomainError
from expunge.web import throttle

LONGEST_TEXT = 4000
SIGN_IN_ERRORS = {
    "invalid_login": _("This mail address and password do not belong together."),
    "inactive": _("This account is closed."),
    "throttled": _("Too many failed attempts. Wait a quarter of an hour, then try again."),
}


class Styled(forms.Form):
    """A form whose widgets carry the classes of the style sheet.

    ``ASKED_AS`` says under which field the form asks for what a service calls otherwise.
    """

    ASKED_AS: ClassVar[Mapping[str, str]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.setdefault("class", _css_class(field.widget))

    def add_domain_error(self, error: DomainError) -> None:
        """Show what a service refused, beside the field it names if there is one."""
        name = error.extra.get("field", "")
        field = self.ASKED_AS.get(name, name)
        self.add_error(field if field in self.fields else None, error.message)


def _css_class(widget: forms.Widget) -> str:
    if isinstance(widget, forms.CheckboxInput | forms.RadioSelect):
        return "form-check-input"
    return "form-select" if isinstance(widget, forms.Select) else "form-control"


class SignInForm(Styled, AuthenticationForm):
    """Mail address and password; refuses for a while after repeated failures."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.error_messages = {**SIGN_IN_ERRORS}
        self.fields["username"].label = _("Mail address")

    def clean(self) -> dict[str, Any]:
        """Check the password unless there were too many failures lately."""
        email = self.cleaned_data.get("username", "")
        if self.request is None:
            raise TypeError("failures are counted by address: pass the request")
        if not throttle.may_try(self.request, email):
            raise ValidationError(self.error_messages["throttled"], code="throttled")
        try:
            cleaned = super().clean()
        except ValidationError:
            throttle.note_failure(self.request, email)
            raise
        throttle.forgive(self.request, email)
        return cleaned or {}
