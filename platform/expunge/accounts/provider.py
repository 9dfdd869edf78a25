"""Sign-in with the organisation's OpenID Connect provider, stricter than the protocol must be.

The signature of the ID token is always checked, though it comes over TLS from the provider
itself; what the userinfo endpoint adds counts only for the same subject.
"""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import Http404, HttpRequest, HttpResponse

CLAIMS = ("email", "email_verified", "name")


class StrictAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """Takes who somebody is from a signed token."""

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any
    ) -> SocialLogin:
        """Return whom the provider says somebody is.

        Raises:
            OAuth2Error: No ID token, a wrong signature, issuer, audience or time, or a userinfo
                answer about somebody else.
        """
        signed = kwargs["response"].get("id_token")
        if not signed:
            raise OAuth2Error("the provider sent no ID token")
        claims = jwtkit.verify_and_decode(
            credential=signed,
            keys_url=self.openid_config["jwks_uri"],
            issuer=self.openid_config["issuer"],
            audience=app.client_id,
            lookup_kid=jwtkit.lookup_kid_jwk,
        )
        if "email" not in claims and "userinfo_endpoint" in self.openid_config:
            told = self._fetch_user_info(token.token)
            if told.get("sub") != claims["sub"]:
                raise OAuth2Error("the provider told about somebody else")
            claims |= {name: told[name] for name in CLAIMS if name in told}
        kept = {name: claims[name] for name in ("sub", *CLAIMS) if name in claims}
        return self.get_provider().sociallogin_from_response(request, {"id_token": kept})


def sign_in_with(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Lead to the provider."""
    return _view(OAuth2LoginView, request, provider_id)


def come_back_from(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take what the provider says and open the account it belongs to."""
    return _view(OAuth2CallbackView, request, provider_id)


def _view(kind: Any, request: HttpRequest, provider_id: str) -> HttpResponse:
    try:
        answer: HttpResponse = kind.adapter_view(StrictAdapter(request, provider_id))(request)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error
    return answer
