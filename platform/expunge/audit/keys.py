"""The log's own key and its name.

The keys of evidence (checkpoint, timestamp, statement, document) stand in a folder of their own,
which only the processes that sign are given: the workers of the signing queue, and the commands.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from expunge.audit.checkpoint import NoteKey, public_key
from expunge.audit.handover import CHECKPOINT
from expunge.common.pki import KeyMissingError, roots
from expunge.common.signers import Means, Signer, signer


def signing_folder() -> Path:
    """Return where the keys of evidence stand.

    Raises:
        KeyMissingError: This process may not sign.
    """
    if not settings.EXPUNGE_MAY_SIGN:
        raise KeyMissingError(
            "This process may not sign. Only the workers of the signing queue, and commands that "
            "are run where EXPUNGE_MAY_SIGN is 1, hold the keys of evidence."
        )
    return Path(settings.EXPUNGE_SIGNING_DIR)


def trust_roots() -> bytes:
    """Return the root certificates (PEM) that an auditor should be given out of band."""
    return roots(signing_folder(), generate=settings.EXPUNGE_KEYS_GENERATE)


def log_origin() -> str:
    """Return the name of the log: the first line of every checkpoint."""
    return str(settings.EXPUNGE_LOG_ORIGIN)


def means() -> Means:
    """Return how this process reaches keys that are not files."""
    return Means(
        settings.EXPUNGE_PKCS11_MODULE, settings.EXPUNGE_PKCS11_PIN, settings.EXPUNGE_VAULT_TOKEN
    )


def checkpoint_key(name: str = CHECKPOINT) -> Signer:
    """Return the key that signs checkpoints (Ed25519).

    Raises:
        KeyMissingError: It is not there, or this process may not sign.
        KeyUnavailableError: It cannot be reached now.
    """
    return signer(
        signing_folder(),
        name,
        means(),
        make=Ed25519PrivateKey.generate,
        generate=settings.EXPUNGE_KEYS_GENERATE,
    )


def log_key(name: str = CHECKPOINT) -> NoteKey:
    """Return the public key that outsiders verify today's checkpoints with."""
    return public_key(log_origin(), checkpoint_key(name))
