"""The key that signs checkpoints, and nothing else.

It is read from ``checkpoint.pem`` in the key folder, where it is made on first use; in
production, mount the folder from a secret store.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from django.conf import settings

from expunge.audit.note import verifier_key
from expunge.common.keyfile import read_or_create

ORIGIN = "expunge/audit-log"


def checkpoint_key() -> Ed25519PrivateKey:
    """Return the signing key."""
    pem = read_or_create(settings.EXPUNGE_KEYS_DIR / "checkpoint.pem", _new)
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("checkpoint.pem must hold an Ed25519 private key")
    return key


def checkpoint_verifier_key() -> str:
    """Return the public key as the one line an auditor needs."""
    return verifier_key(ORIGIN, checkpoint_key().public_key())


def _new() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
