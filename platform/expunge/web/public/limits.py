"""Bounds on what somebody without an account can make us do; counted in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.core.cache import cache

from expunge.common.crypto import blind_index


@dataclass(frozen=True)
class Limit:
    """So many times within a window."""

    name: str
    most: int
    window: timedelta


ASKED_FROM = Limit("asked-from", 5, timedelta(hours=1))
"""Requests from one network address."""
ASKED_ALL = Limit("asked-all", 300, timedelta(hours=1))
"""Requests to one organisation, from everywhere."""
WRITTEN_TO = Limit("written-to", 3, timedelta(days=1))
"""Requests after which letters go to one contact; further ones are stored and stay silent."""
TRIED_FROM = Limit("tried-from", 30, timedelta(hours=1))
"""Codes and secret links tried from one network address."""

CHECKED_FROM = Limit("checked-from", 20, timedelta(hours=1))
"""Certificates checked for one network address."""
CHECKED_ALL = Limit("checked-all", 30, timedelta(minutes=1))
"""Certificates checked for everybody: each takes a second or two of a processor."""


def take(limit: Limit, of: str) -> bool:
    """Count one use by somebody; say whether it was still within the limit."""
    key = f"public:{limit.name}:{blind_index(of, context='web.public').hex()}"
    cache.add(key, 0, timeout=limit.window.total_seconds())
    try:
        return bool(cache.incr(key) <= limit.most)
    except ValueError:
        return True  # it expired between the two calls: a new window has begun
