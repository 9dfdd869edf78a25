"""API tokens: shown once, stored as a digest, narrowed to scopes and one organisation."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from django.db.models import QuerySet

from expunge.accounts.models import ApiToken, User
from expunge.accounts.permissions import Actor, Permission
from expunge.common import clock

PREFIX = "xpg_"
SHOWN_CHARACTERS = 8
LAST_USE_RESOLUTION = timedelta(minutes=1)


@dataclass(frozen=True)
class TokenGrant:
    """What a presented token is good for."""

    token_id: UUID
    user: User
    actor: Actor


def token_store(
    *,
    user: User,
    controller_id: UUID,
    name: str,
    scopes: Iterable[Permission],
    lifetime: timedelta,
) -> tuple[ApiToken, str]:
    """Store a new token; return it with its secret, which is shown once and never kept."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        controller_id=controller_id,
        name=name,
        prefix=secret[: len(PREFIX) + SHOWN_CHARACTERS],
        digest=_digest(secret),
        scopes=sorted(str(scope) for scope in scopes),
        expires_at=clock.now() + lifetime,
    )
    return token, secret


def token_grant(secret: str) -> TokenGrant | None:
    """Return what the token grants now; ``None`` if it is unknown, expired or revoked."""
    now = clock.now()
    token = _holding().filter(digest=_digest(secret)).first()
    if token is None:
        return None
    if token.last_used_at is None or now - token.last_used_at > LAST_USE_RESOLUTION:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return TokenGrant(token.pk, token.user, _actor(token).for_request())


def token_actor(token_id: UUID) -> Actor | None:
    """Return who acts under a token; ``None`` once it is expired or revoked."""
    token = _holding().filter(pk=token_id).first()
    return _actor(token) if token else None


def _holding() -> QuerySet[ApiToken]:
    """Return the tokens that hold now."""
    return ApiToken.objects.select_related("user").filter(
        revoked_at=None, expires_at__gt=clock.now(), user__is_active=True
    )


def _actor(token: ApiToken) -> Actor:
    scopes = frozenset(Permission(scope) for scope in token.scopes)
    return Actor(user=token.user, scopes=scopes, only=token.controller_id, token_id=token.pk)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
