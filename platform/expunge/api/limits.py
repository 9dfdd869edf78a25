"""How often a caller may call: per token, and per address for who has none that is good.

Counts live in the cache, in fixed windows; losing them only forgives calls. Answers carry
``RateLimit-Policy`` and ``RateLimit`` (IETF draft), and ``Retry-After`` when it was too often.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from expunge.accounts.tokens import TokenGrant
from expunge.common.address import client_address

WINDOW = 60


@dataclass(frozen=True)
class Standing:
    """How much of a quota is left, and in how many seconds it is whole again."""

    policy: str
    quota: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """Return the header fields that tell the caller."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={WINDOW}',
            "RateLimit": f'"{self.policy}";r={max(0, self.remaining)};t={self.reset}',
        }


def stand(policy: str, quota: int, who: str) -> Standing:
    """Count a call of somebody and return where they stand; ``remaining`` below 0: too many."""
    moment = time.time()
    number, into = divmod(moment, WINDOW)
    key = f"api:calls:{policy}:{who}:{int(number)}"
    cache.add(key, 0, timeout=2 * WINDOW)
    try:
        used = cache.incr(key)
    except ValueError:
        used = 1  # it was lost between the two calls
    return Standing(policy, quota, quota - used, WINDOW - int(into))


def count_stranger(request: Request) -> None:
    """Count a call without a good token; raises ``Throttled`` when its address sent too many."""
    address = client_address(_plain(request))
    standing = stand("address", settings.EXPUNGE_API_STRANGER_CALLS, address)
    _remember(request, standing)
    if standing.remaining < 0:
        raise Throttled(wait=standing.reset)


def standing_of(request: Request) -> Standing | None:
    """Return where the caller stood when the call was counted."""
    return getattr(_plain(request), "api_standing", None)


class TokenLimit(BaseThrottle):
    """Counts the calls of a token."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the call and say whether it is still within the quota."""
        del view
        grant = request.auth
        if not isinstance(grant, TokenGrant):
            return True
        self._standing = stand("token", settings.EXPUNGE_API_CALLS, str(grant.token_id))
        _remember(request, self._standing)
        return self._standing.remaining >= 0

    def wait(self) -> float:
        """Return in how many seconds the next window begins."""
        return float(self._standing.reset)


def _remember(request: Request, standing: Standing) -> None:
    _plain(request).api_standing = standing  # type: ignore[attr-defined]  # beside the request


def _plain(request: Request) -> HttpRequest:
    """Return Django's request below DRF's."""
    return request._request  # noqa: SLF001 - DRF's documented way to it
