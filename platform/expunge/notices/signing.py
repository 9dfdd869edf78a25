"""Secrets and signatures of webhooks, as the Standard Webhooks specification has them.

``webhook-signature`` holds one ``v1,<base64>`` per valid secret, separated by spaces; each is
HMAC-SHA256 over ``<webhook-id>.<webhook-timestamp>.<body>``.
Source: https://github.com/standard-webhooks/standard-webhooks, specification 1.0.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """Return a fresh secret as the owner of an endpoint gets it."""
    return PREFIX + base64.b64encode(os.urandom(SECRET_BYTES)).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return one signature of one message."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def signed_headers(
    secrets: Iterable[str], message_id: str, timestamp: int, body: bytes
) -> Mapping[str, str]:
    """Return the three headers of a signed message."""
    signatures = (sign(secret, message_id, timestamp, body) for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
