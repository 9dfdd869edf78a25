"""The key that signs bundles; its file stands in the key folder of the settings."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from contract.canonical import digest_bytes
from contract.containment import public_text
from expunge.audit.services import key_introduce
from expunge.common.pki import ed25519_key

KEY_FILE = "containment.key.pem"


def signing_key() -> Ed25519PrivateKey:
    """Return the key that signs bundles; raises ``KeyMissingError``."""
    return ed25519_key(
        settings.EXPUNGE_KEYS_DIR / KEY_FILE, generate=settings.EXPUNGE_KEYS_GENERATE
    )


def public_key() -> str:
    """Return the public key that deployers pin: 32 raw bytes in base64."""
    return public_text(signing_key().public_key())


def key_known() -> None:
    """Record the first use of the key in the audit log."""
    public = public_key()
    key_introduce(purpose="containment", key_id=digest_bytes(public.encode())[7:23], public=public)
