"""Codes and links that only their owner knows; what is stored is a digest.

A code is read from a letter and typed, so it has an alphabet without look-alikes. Its digest is
keyed and bound to one request, one purpose and one expiry: a row that is copied or prolonged
fits no code. The lifetime of 24 hours is that of NIST SP 800-63A for a code sent by mail.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from expunge.common.crypto import blind_index

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Letters and digits that are not mistaken for each other."""
LENGTH = 10
LIFETIME = timedelta(hours=24)
MOST_TRIES = 5
MOST_SENDS = 5
PAUSE_BETWEEN = timedelta(minutes=1)
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015]+")


def code_new() -> str:
    """Return a fresh code, in two groups as it is printed."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return f"{letters[: LENGTH // 2]}-{letters[LENGTH // 2 :]}"


def code_digest(code: str, *, purpose: str, request: UUID, expires_at: datetime) -> bytes:
    """Return the digest of a code for one request, purpose and expiry; spacing does not count."""
    plain = _SEPARATORS.sub("", code)
    context = f"subjects.code:{purpose}:{request}:{int(expires_at.timestamp())}"
    return blind_index(plain, context=context)


def code_fits(
    code: str,
    digest: bytes | memoryview | None,
    *,
    purpose: str,
    request: UUID,
    expires_at: datetime,
) -> bool:
    """Say whether the code has this digest, in constant time."""
    if digest is None:
        return False
    given = code_digest(code, purpose=purpose, request=request, expires_at=expires_at)
    return hmac.compare_digest(given, bytes(digest))


def token_new() -> str:
    """Return a fresh secret of 256 bits for an address."""
    return secrets.token_urlsafe(32)


def token_digest(token: str, *, purpose: str) -> bytes:
    """Return the digest under which a token is found again for one purpose."""
    return hashlib.sha256(f"{purpose}:{token}".encode()).digest()
