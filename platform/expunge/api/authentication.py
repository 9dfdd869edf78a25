"""Bearer tokens: who calls, and what of their rights the token carries."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from expunge.accounts.models import User
from expunge.accounts.permissions import Actor
from expunge.accounts.tokens import TokenGrant, token_grant

SCHEME = "Bearer"


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer <secret>``; ``request.auth`` is the :class:`TokenGrant`."""

    def authenticate(self, request: Request) -> tuple[User, TokenGrant] | None:
        """Return the token's user and grant; ``None`` when no bearer token was sent."""
        words = get_authorization_header(request).decode("latin-1").split()
        if not words or words[0].casefold() != SCHEME.casefold():
            return None
        grant = token_grant(words[1]) if len(words) == len((SCHEME, "secret")) else None
        if grant is None:
            raise AuthenticationFailed(
                "This token is unknown, expired or revoked. Ask for another."
            )
        return grant.user, grant

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that a missing token answers 401 and not 403."""
        del request
        return f'{SCHEME} realm="expunge"'


def grant_of(request: Request) -> TokenGrant:
    """Return the grant of the token that was presented."""
    grant = request.auth
    if not isinstance(grant, TokenGrant):
        raise TypeError("the API is only for callers with a token")
    return grant


def actor_of(request: Request) -> Actor:
    """Return the caller with the rights of the token, for the token's organisation only."""
    return grant_of(request).actor
