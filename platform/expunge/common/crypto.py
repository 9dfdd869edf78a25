"""Encryption at rest: AES-256-GCM under a master key or a key of its own, and blind indexes.

Every ciphertext starts with a version byte and a 12-byte nonce. ``context`` is bound as
associated data, so a ciphertext moved to another row or column does not decrypt.
Destroying a data key is the way to shred what it encrypted.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

VERSION = b"\x01"
NONCE_BYTES = 12
KEY_BYTES = 32


class DecryptionError(Exception):
    """No configured key opens this ciphertext, or it was altered."""


def new_key() -> bytes:
    """Return a fresh random 256-bit key."""
    return os.urandom(KEY_BYTES)


def encrypt(data: bytes, *, context: str, key: bytes | None = None) -> bytes:
    """Encrypt under ``key``, or under the current master key."""
    nonce = os.urandom(NONCE_BYTES)
    return VERSION + nonce + AESGCM(key or _master_keys()[0]).encrypt(nonce, data, context.encode())


def decrypt(data: bytes, *, context: str, key: bytes | None = None) -> bytes:
    """Decrypt what :func:`encrypt` made; raises :class:`DecryptionError`."""
    nonce, body = data[1 : 1 + NONCE_BYTES], data[1 + NONCE_BYTES :]
    for candidate in [key] if key else _master_keys():
        try:
            return AESGCM(candidate).decrypt(nonce, body, context.encode())
        except InvalidTag:
            continue
    message = "the ciphertext does not open: wrong master key, or it was altered"
    raise DecryptionError(message)


def blind_index(value: str, *, context: str) -> bytes:
    """Return a keyed 32-byte index for exact search over an encrypted value.

    The value is compared without regard to case and surrounding space.
    """
    normal = " ".join(value.casefold().split())
    key = hmac.digest(_master_keys()[-1], b"blind-index:" + context.encode(), hashlib.sha256)
    return hmac.digest(key, normal.encode(), hashlib.sha256)


def keyed_digest(data: bytes, *, context: str) -> bytes:
    """Return a keyed 32-byte digest: equal bytes are recognised, and nothing can be guessed."""
    key = hmac.digest(_master_keys()[-1], b"digest:" + context.encode(), hashlib.sha256)
    return hmac.digest(key, data, hashlib.sha256)


def _master_keys() -> list[bytes]:
    return [bytes.fromhex(key) for key in settings.EXPUNGE_MASTER_KEYS]
