"""How people sign in: passwords, second factors, sessions, and a provider of the organisation's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from expunge.config import environment

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "web:sign-in"
LOGIN_REDIRECT_URL = "web:dashboard"
LOGOUT_REDIRECT_URL = "web:sign-in"
PASSWORD_RESET_TIMEOUT = int(timedelta(days=3).total_seconds())

ACCOUNT_ADAPTER = "expunge.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# An account comes from an administrator, who vouches for the address; a link proves it.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# Nobody is told whether an address has an account: not by a page, not by a mail to strangers.
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_REDIRECT_URL = "web:sign-in"
ACCOUNT_REAUTHENTICATION_TIMEOUT = int(timedelta(minutes=15).total_seconds())
# Failures are counted per address and, by the adapter, per person and address: nobody is locked
# out from elsewhere.
ACCOUNT_RATE_LIMITS = {"login": "120/15m/ip", "login_failed": "50/15m/ip,5/15m/key"}
ACCOUNT_FORMS = {
    "login": "expunge.web.account_forms.SignInForm",
    "reset_password": "expunge.web.account_forms.ForgottenForm",
    "reset_password_from_key": "expunge.web.account_forms.NewPasswordForm",
    "change_password": "expunge.web.account_forms.ChangePasswordForm",
    "reauthenticate": "expunge.web.account_forms.ConfirmPasswordForm",
}

MFA_ADAPTER = "expunge.accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
# A telephone's clock may be half a minute off.
MFA_TOTP_TOLERANCE = 1
MFA_FORMS = {
    "authenticate": "expunge.web.account_forms.CodeForm",
    "reauthenticate": "expunge.web.account_forms.ConfirmCodeForm",
    "activate_totp": "expunge.web.account_forms.SetUpForm",
}

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_SERIALIZER = "expunge.common.sessions.EncryptedSerializer"
EXPUNGE_SESSION_IDLE = timedelta(minutes=int(environment.read("EXPUNGE_SESSION_IDLE", "60")))
EXPUNGE_SESSION_LIFE = timedelta(hours=int(environment.read("EXPUNGE_SESSION_LIFE", "10")))
SESSION_COOKIE_AGE = int(EXPUNGE_SESSION_LIFE.total_seconds())

SOCIALACCOUNT_ADAPTER = "expunge.accounts.adapters.ProviderAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
EXPUNGE_OIDC_ISSUER = environment.read("EXPUNGE_OIDC_ISSUER")
# Where its sign-in page is: browsers follow a form there only if they are told so beforehand.
EXPUNGE_OIDC_ORIGINS = environment.words(
    "EXPUNGE_OIDC_ORIGINS", "/".join(EXPUNGE_OIDC_ISSUER.split("/", 3)[:3])
)
# Whether somebody the provider knows and this platform does not gets an account (without a role).
EXPUNGE_OIDC_CREATE = environment.read("EXPUNGE_OIDC_CREATE", "no") == "yes"


def oidc_providers(issuer: str, client_id: str, secret: str, name: str) -> dict[str, Any]:
    """Return allauth's settings for the one OpenID Connect provider, if there is one."""
    if not issuer:
        return {}
    application = {
        "provider_id": "sso",
        "name": name,
        "client_id": client_id,
        "secret": secret,
        "settings": {"server_url": issuer, "oauth_pkce_enabled": True},
    }
    return {"openid_connect": {"APPS": [application]}}


SOCIALACCOUNT_PROVIDERS = oidc_providers(
    EXPUNGE_OIDC_ISSUER,
    environment.read("EXPUNGE_OIDC_CLIENT_ID"),
    environment.read("EXPUNGE_OIDC_CLIENT_SECRET"),
    environment.read("EXPUNGE_OIDC_NAME", "single sign-on"),
)
