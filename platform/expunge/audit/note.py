"""Signed checkpoints of the log: the C2SP signed note with an Ed25519 key. Pure Python.

A checkpoint is the text ``origin \\n size \\n base64(root) \\n``, an empty line, and one line a
signature: an em dash, the key's name, and base64 of the 4-byte key id and the signature. Other
parties can add lines of their own.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ED25519 = b"\x01"
DASH = "\N{EM DASH}"


class NoteError(ValueError):
    """A checkpoint or a key that cannot be read, or whose signature does not hold."""


@dataclass(frozen=True)
class CheckpointText:
    """What a checkpoint says: the log's origin, its number of leaves, its root."""

    origin: str
    size: int
    root: bytes

    def body(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def verifier_key(name: str, public: Ed25519PublicKey) -> str:
    """Return the public key as one line: ``name+keyid+base64``."""
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"{name}+{_key_id(name, raw).hex()}+{base64.b64encode(ED25519 + raw).decode()}"


def sign(checkpoint: CheckpointText, name: str, key: Ed25519PrivateKey) -> str:
    """Return the signed note."""
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = _key_id(name, raw) + key.sign(checkpoint.body().encode())
    return f"{checkpoint.body()}\n{DASH} {name} {base64.b64encode(signature).decode()}\n"


def verify(note: str, key: str) -> CheckpointText:
    """Return what the note says if the key (one line) signed it; raises :class:`NoteError`."""
    name, key_id, public = _read_key(key)
    body, signatures = _split(note)
    for line in signatures:
        try:
            dash, signer, encoded = line.split(" ")
            signature = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            continue
        if (dash, signer, signature[:4]) != (DASH, name, key_id):
            continue
        try:
            public.verify(signature[4:], body.encode())
        except InvalidSignature as error:
            raise NoteError("the checkpoint's signature does not hold") from error
        return _read_body(body)
    raise NoteError(f"the checkpoint is not signed by {name}")


def _key_id(name: str, raw: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + ED25519 + raw).digest()[:4]


def _read_key(key: str) -> tuple[str, bytes, Ed25519PublicKey]:
    try:
        name, key_id, encoded = key.strip().split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
        public = Ed25519PublicKey.from_public_bytes(raw[1:])
    except (ValueError, binascii.Error) as error:
        raise NoteError("the log key is not of the form name+keyid+base64") from error
    if raw[:1] != ED25519 or _key_id(name, raw[1:]).hex() != key_id:
        raise NoteError("the log key does not match its own id")
    return name, bytes.fromhex(key_id), public


def _split(note: str) -> tuple[str, list[str]]:
    body, separator, rest = note.partition("\n\n")
    if not separator:
        raise NoteError("the checkpoint has no signature")
    return body + "\n", rest.splitlines()


def _read_body(body: str) -> CheckpointText:
    try:
        origin, size, root = body.splitlines()[:3]
        return CheckpointText(origin, int(size), base64.b64decode(root, validate=True))
    except (ValueError, binascii.Error) as error:
        raise NoteError("the checkpoint's text cannot be read") from error
