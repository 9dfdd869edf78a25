"""The addresses of signing in and of one's own account, under the names that allauth expects."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.socialaccount import views as provider
from django.db import transaction
from django.urls import path, re_path
from django.views.decorators.cache import never_cache

from expunge.accounts.provider import come_back_from, sign_in_with
from expunge.web.views.account import sign_out

OIDC = "sign-in/with/<slug:provider_id>/"
# A change to an account and its entry in the audit log are one transaction.
atomic = transaction.atomic

urlpatterns = [
    path("sign-in/", account.login, name="account_login"),
    path("sign-in/code/", atomic(mfa.authenticate), name="mfa_authenticate"),
    path("sign-in/closed/", account.account_inactive, name="account_inactive"),
    path("sign-in/no-account/", never_cache(account.signup), name="account_signup"),
    path("sign-in/failed/", provider.login_error, name="socialaccount_login_error"),
    path("sign-in/cancelled/", provider.login_cancelled, name="socialaccount_login_cancelled"),
    path("sign-in/unknown/", never_cache(account.signup), name="socialaccount_signup"),
    path(OIDC, sign_in_with, name="openid_connect_login"),
    path(f"{OIDC}back/", atomic(come_back_from), name="openid_connect_callback"),
    path("sign-out/", sign_out, name="account_logout"),
    path("password/forgotten/", account.password_reset, name="account_reset_password"),
    path("password/sent/", account.password_reset_done, name="account_reset_password_done"),
    path(
        "password/set/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^password/new/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        atomic(never_cache(account.password_reset_from_key)),
        name="account_reset_password_from_key",
    ),
    path(
        "account/password/",
        atomic(never_cache(account.password_change)),
        name="account_change_password",
    ),
    path(
        "account/password/first/",
        atomic(never_cache(account.password_set)),
        name="account_set_password",
    ),
    path("account/confirm/", never_cache(account.reauthenticate), name="account_reauthenticate"),
    path("account/confirm/code/", never_cache(mfa.reauthenticate), name="mfa_reauthenticate"),
    path("account/second-factor/", never_cache(mfa.index), name="mfa_index"),
    path(
        "account/second-factor/set-up/",
        atomic(never_cache(totp.activate_totp)),
        name="mfa_activate_totp",
    ),
    path(
        "account/second-factor/remove/",
        atomic(never_cache(totp.deactivate_totp)),
        name="mfa_deactivate_totp",
    ),
    path(
        "account/second-factor/codes/",
        atomic(never_cache(codes.view_recovery_codes)),
        name="mfa_view_recovery_codes",
    ),
    path(
        "account/second-factor/codes/new/",
        atomic(never_cache(codes.generate_recovery_codes)),
        name="mfa_generate_recovery_codes",
    ),
]
