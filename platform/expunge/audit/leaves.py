"""What an audit entry says: its canonical bytes, and commitments to what it must not say.

No entry holds personal data. Where personal data must be pinned down, the entry holds
``HMAC-SHA256(key, canonical(data))`` under a random key of the ticket: to prove, disclose key
and data; to shred, destroy the key. Pure: no Django.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from contract.canonical import canonical

SCHEMA = "expunge.audit-entry/1"
COMMITMENT_PREFIX = "hmac-sha256:"


def leaf_data(  # noqa: PLR0913 - the fields of an entry
    *,
    action: str,
    occurred_at: datetime,
    actor: str,
    role: str,
    controller: str | None,
    subject: Mapping[str, str],
    data: Mapping[str, Any],
) -> bytes:
    """Return the canonical JSON (RFC 8785) of an entry: the bytes that are hashed.

    Raises:
        ValueError: ``data`` holds something JSON cannot say, such as NaN.
    """
    return canonical(
        {
            "schema": SCHEMA,
            "action": action,
            "occurred_at": moment_text(occurred_at),
            "actor": actor,
            "role": role,
            "controller": controller,
            "subject": dict(subject),
            "data": dict(data),
        }
    )


def moment_text(moment: datetime) -> str:
    """Return a moment as RFC 3339 text in UTC, to the microsecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def commitment(key: bytes, data: Any) -> str:
    """Return a commitment to JSON-like data that tells nothing without the key."""
    return COMMITMENT_PREFIX + hmac.new(key, canonical(data), hashlib.sha256).hexdigest()


def commitment_opens(value: str, key: bytes, data: Any) -> bool:
    """Say whether key and data are what the commitment was made from."""
    return hmac.compare_digest(value, commitment(key, data))
