"""Cosignatures: another party's word that a checkpoint continues the log as that party knows it.

A cosigner keeps the last checkpoint it has signed and signs a newer one only when the newer log
begins with the older. Whoever shows two people two pasts of one log, or a shorter one, cannot
have both cosigned. The line is one more signature on the note and carries its own time::

    -- auditor.example/main <base64 of key id, seconds since 1970 (8 bytes), signature>

Source: c2sp.org/tlog-cosignature, ``cosignature/v1``. Pure: no Django, no files.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from expunge.audit.checkpoint import (
    COSIGNATURE,
    SIGNATURE_PREFIX,
    CheckpointError,
    NoteKey,
    body_of,
    check_signature,
    public_key,
    signatures_of,
)

TIME_BYTES = 8


def cosign(note: str, key: Ed25519PrivateKey, name: str, at: datetime) -> str:
    """Return the signature line (with its line end) that a cosigner adds to a note."""
    seconds = int(at.timestamp())
    signature = key.sign(_signed(note, seconds))
    own = public_key(name, key, COSIGNATURE)
    material = own.id + seconds.to_bytes(TIME_BYTES) + signature
    return f"{SIGNATURE_PREFIX}{name} {base64.b64encode(material).decode()}\n"


def cosigned_at(note: str, key: NoteKey) -> datetime:
    """Return when a cosigner has signed a note; raises :class:`CheckpointError` if it has not."""
    for material in signatures_of(note, key):
        seconds = int.from_bytes(material[:TIME_BYTES])
        check_signature(key, material[TIME_BYTES:], _signed(note, seconds))
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, ValueError, OSError) as error:
            raise CheckpointError("the time of a cosignature is not one") from error
    raise CheckpointError("the cosigner has not signed the checkpoint")


def _signed(note: str, seconds: int) -> bytes:
    return b"cosignature/v1\ntime %d\n%b" % (seconds, body_of(note))
