"""The log's own key and its name; the key's file stands in the key folder of the settings."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from expunge.audit.checkpoint import LogKey, public_key
from expunge.common.pki import ed25519_key

CHECKPOINT_KEY_FILE = "checkpoint.key.pem"


def log_origin() -> str:
    """Return the name of the log: the first line of every checkpoint."""
    return str(settings.EXPUNGE_LOG_ORIGIN)


def checkpoint_key() -> Ed25519PrivateKey:
    """Return the key that signs checkpoints; raises ``KeyMissingError``."""
    return ed25519_key(
        settings.EXPUNGE_KEYS_DIR / CHECKPOINT_KEY_FILE, generate=settings.EXPUNGE_KEYS_GENERATE
    )


def log_key() -> LogKey:
    """Return the public key that outsiders verify checkpoints with."""
    return public_key(log_origin(), checkpoint_key())
