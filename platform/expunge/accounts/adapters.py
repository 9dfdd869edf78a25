"""Where allauth asks the platform: who may sign in, from where, and how secrets are kept."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from expunge.accounts.letters import letter_post
from expunge.accounts.models import User
from expunge.accounts.second_factor import second_factor_needed
from expunge.common.address import client_address
from expunge.common.crypto import blind_index, decrypt, encrypt


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts come from administrators; failures count per person and address."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("This mail address and password do not belong together."),
        "account_inactive": _("This account is closed."),
        "too_many_login_attempts": _(
            "Too many failed attempts. Wait a quarter of an hour, then try again."
        ),
        "enter_current_password": _("This is not your present password."),
        "incorrect_password": _("This is not your password."),
        "incorrect_code": _("This code is not valid, or no longer. Wait for the next one."),
        "rate_limited": _("Too many failed attempts. Wait a quarter of an hour, then try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Refuse: nobody makes an account for themselves."""
        del request
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return what our own proxy saw."""
        return client_address(request)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Write a letter now and post it behind the page's back."""
        message = self.render_mail(template_prefix, email, {"email": email, **context})
        letter_post(message)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count failures of a person at an address, under a name that tells neither."""
        login = f"{credentials.get('email', '')} {client_address(request)}"
        return blind_index(login, context="accounts.sign-in").hex()


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """TOTP secrets and the seed of recovery codes are encrypted at rest."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("This code is not valid, or no longer. Wait for the next one."),
        "cannot_delete_authenticator": _(
            "Your role needs a second factor, so it cannot be removed. Set up another device by "
            "asking an administrator to reset it."
        ),
    }

    def get_totp_issuer(self) -> str:
        """Return the name that authenticator apps show."""
        return "Expunge"

    def encrypt(self, text: str) -> str:
        """Encrypt under the master key."""
        return b64encode(encrypt(text.encode(), context="mfa.authenticator")).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Undo :meth:`encrypt`."""
        return decrypt(b64decode(encrypted_text), context="mfa.authenticator").decode()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Keep the second factor of those whose role needs one."""
        return not second_factor_needed(authenticator.user)


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Sign-in by the organisation's provider opens accounts there are, by proven addresses."""

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """Return the person with this address if both sides have proven it."""
        for address in sociallogin.email_addresses:
            known = EmailAddress.objects.filter(email__iexact=address.email, verified=True).first()
            if address.verified is True and known is not None:
                return known.user, known.email
        return None

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Make an account, without any role, only where the deployment chose so."""
        del request
        emails = [address.email for address in sociallogin.email_addresses if address.verified]
        return settings.EXPUNGE_OIDC_CREATE and bool(emails) and not _taken(emails)

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: Any) -> User:
        """Take the name from the provider."""
        user: User = super().populate_user(request, sociallogin, data)
        user.name = str(data.get("name") or data.get("email") or "")[:200]
        return user


def _taken(emails: list[str]) -> bool:
    return any(User.objects.filter(email__iexact=email).exists() for email in emails)
