"""The forms of signing in, in the style and the words of the other pages."""

from __future__ import annotations

from typing import Any, ClassVar

from allauth.account import forms as account
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp.forms import ActivateTOTPForm
from django.utils.translation import gettext_lazy as _

from expunge.web.forms import Styled


class Plain(Styled):
    """A form whose fields carry a label, and no words inside that vanish on typing."""

    LABELS: ClassVar[dict[str, Any]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = self.LABELS.get(name, field.label)
            if name != "password1":
                field.help_text = ""


class SignInForm(Plain, account.LoginForm):  # type: ignore[misc]
    """Mail address and password."""

    LABELS: ClassVar = {"login": _("Mail address"), "password": _("Password")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs |= {"autofocus": True, "autocomplete": "username"}


class ForgottenForm(Plain, account.ResetPasswordForm):  # type: ignore[misc]
    """Whom to send a link that sets a password."""

    LABELS: ClassVar = {"email": _("Mail address")}


class NewPasswordForm(Plain, account.ResetPasswordKeyForm):  # type: ignore[misc]
    """A new password, twice."""

    LABELS: ClassVar = {"password1": _("New password"), "password2": _("The same again")}


class ChangePasswordForm(Plain, account.ChangePasswordForm):  # type: ignore[misc]
    """The present password and a new one."""

    LABELS: ClassVar = {**NewPasswordForm.LABELS, "oldpassword": _("Present password")}


class ConfirmPasswordForm(Plain, account.ReauthenticateForm):  # type: ignore[misc]
    """The password once more, before something that matters."""

    LABELS: ClassVar = {"password": _("Password")}


class Code(Plain):
    """A form that asks for a code and brings up the keys for digits."""

    LABELS: ClassVar = {"code": _("Code")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs |= {"inputmode": "numeric", "autofocus": True}


class CodeForm(Code, mfa.AuthenticateForm):  # type: ignore[misc]
    """The code of the authenticator app, or a recovery code."""


class ConfirmCodeForm(Code, mfa.ReauthenticateForm):  # type: ignore[misc]
    """A code once more, before something that matters."""


class SetUpForm(Code, ActivateTOTPForm):  # type: ignore[misc]
    """The first code of an authenticator app that was just set up."""
