"""Slows down guessing of passwords: failures are counted per person and address, and per address.

The counts live in the cache; losing them only forgives failures.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from expunge.common.crypto import blind_index

WINDOW = timedelta(minutes=15)
PER_PERSON = 5
PER_ADDRESS = 50


def may_try(request: HttpRequest, email: str) -> bool:
    """Say whether another attempt to sign in is allowed now."""
    limits = dict(zip(_keys(request, email), (PER_PERSON, PER_ADDRESS), strict=True))
    counts = cache.get_many(limits)
    return all(counts.get(key, 0) < limit for key, limit in limits.items())


def note_failure(request: HttpRequest, email: str) -> None:
    """Count a failed attempt."""
    for key in _keys(request, email):
        cache.add(key, 0, timeout=WINDOW.total_seconds())
        try:
            cache.incr(key)
        except ValueError:
            continue  # it expired between the two calls: a new window has begun


def forgive(request: HttpRequest, email: str) -> None:
    """Forget the person's failures after a success."""
    cache.delete(_keys(request, email)[0])


def _keys(request: HttpRequest, email: str) -> Sequence[str]:
    address = client_address(request)
    person = blind_index(f"{email} {address}", context="web.sign-in")
    return (f"sign-in:person:{person.hex()}", f"sign-in:address:{address}")


def client_address(request: HttpRequest) -> str:
    """Return the caller's address: what our own proxy wrote last, where there is a proxy."""
    behind_proxy = getattr(settings, "SECURE_PROXY_SSL_HEADER", None) is not None
    forwarded = request.headers.get("X-Forwarded-For", "") if behind_proxy else ""
    return forwarded.rsplit(",", 1)[-1].strip() or request.META.get("REMOTE_ADDR", "")
