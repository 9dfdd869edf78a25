"""Signed checkpoints: a log's size and root under an Ed25519 key, as a C2SP signed note.

A checkpoint is text that anyone can keep, compare and cosign::

    expunge.example/audit
    42
    <base64 of the root>

    -- expunge.example/audit <base64 of key id and signature>

Sources: c2sp.org/signed-note and c2sp.org/tlog-checkpoint. Pure: no Django, no files.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from expunge.audit.merkle import HASH_BYTES

ED25519 = b"\x01"
KEY_ID_BYTES = 4
KEY_BYTES = 32
SIGNATURE_PREFIX = "\u2014 "


class CheckpointError(ValueError):
    """A note is no checkpoint, or nobody trusted has signed it."""


@dataclass(frozen=True)
class Checkpoint:
    """A claim about a log: at this size it had this root."""

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True)
class LogKey:
    """The public key of a log: its name and 32 raw bytes."""

    name: str
    raw: bytes

    @property
    def id(self) -> bytes:
        """Return the four bytes by which a signature line names its key."""
        material = self.name.encode() + b"\n" + ED25519 + self.raw
        return hashlib.sha256(material).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.raw).decode()}"


def public_key(name: str, key: Ed25519PrivateKey) -> LogKey:
    """Return the public half of a log's key under the log's name."""
    return LogKey(name, key.public_key().public_bytes_raw())


def parse_key(text: str) -> LogKey:
    """Read ``name+id+key`` as :class:`LogKey` prints it; raises :class:`CheckpointError`."""
    parts = text.strip().split("+", 2)
    if len(parts) != 3 or not parts[0]:  # noqa: PLR2004 - the three parts named above
        raise CheckpointError("a log key reads name+id+key")
    material = _decode(parts[2])
    if material[:1] != ED25519 or len(material) != 1 + KEY_BYTES:
        raise CheckpointError("the log key is not an Ed25519 key")
    key = LogKey(parts[0], material[1:])
    if key.id.hex() != parts[1]:
        raise CheckpointError("the log key and its id do not belong together")
    return key


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """Return the signed note of a checkpoint, under the name of its origin."""
    identity = public_key(checkpoint.origin, key)
    line = base64.b64encode(identity.id + key.sign(checkpoint.body.encode())).decode()
    return f"{checkpoint.body}\n{SIGNATURE_PREFIX}{checkpoint.origin} {line}\n"


def parse(note: str) -> Checkpoint:
    """Read a note without believing it; raises :class:`CheckpointError`."""
    body, _, _ = note.partition("\n\n")
    lines = body.split("\n")
    if len(lines) < 3 or not lines[0]:  # noqa: PLR2004 - origin, size and root
        raise CheckpointError("the note is not a checkpoint: origin, size and root are missing")
    if not lines[1].isascii() or not lines[1].isdecimal() or str(int(lines[1])) != lines[1]:
        raise CheckpointError("the checkpoint's size is not a number")
    root = _decode(lines[2])
    if len(root) != HASH_BYTES:
        raise CheckpointError("the checkpoint's root is not a SHA-256 hash")
    return Checkpoint(lines[0], int(lines[1]), root)


def verify(note: str, key: LogKey) -> Checkpoint:
    """Return the checkpoint if ``key`` has signed it; raises :class:`CheckpointError`.

    Lines of other signers (cosigners, witnesses) are passed over.
    """
    body, separator, signatures = note.partition("\n\n")
    checkpoint = parse(note)
    if checkpoint.origin != key.name:
        raise CheckpointError("the checkpoint is of another log than the given key")
    if not separator or not signatures.endswith("\n"):
        raise CheckpointError("the checkpoint carries no signature")
    public = Ed25519PublicKey.from_public_bytes(key.raw)
    for line in signatures[:-1].split("\n"):
        name, _, value = line.removeprefix(SIGNATURE_PREFIX).rpartition(" ")
        material = _decode(value)
        if name != key.name or material[:KEY_ID_BYTES] != key.id:
            continue
        try:
            public.verify(material[KEY_ID_BYTES:], (body + "\n").encode())
        except InvalidSignature as error:
            raise CheckpointError("the checkpoint's signature is wrong") from error
        return checkpoint
    raise CheckpointError("the given key has not signed the checkpoint")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CheckpointError("the note holds something that is not base64") from error
