"""Signed checkpoints: a log's size and root under an Ed25519 key, as a C2SP signed note.

A log may have had several keys, one after the other. A key that was retired says since when: a
checkpoint that it signed must have been timestamped before.

A checkpoint is text that anyone can keep, compare and cosign::

    expunge.example/audit
    42
    <base64 of the root>

    -- expunge.example/audit <base64 of key id and signature>

Sources: c2sp.org/signed-note and c2sp.org/tlog-checkpoint. Pure: no Django, no files.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from expunge.audit.merkle import HASH_BYTES
from expunge.common.pki import KeyMissingError
from expunge.common.signers import Signer
from expunge.common.strict import strict_base64

ED25519 = b"\x01"
COSIGNATURE = b"\x04"
KEY_ID_BYTES = 4
KEY_BYTES = 32
SIGNATURE_PREFIX = "\u2014 "
UNTIL = " until "


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
class NoteKey:
    """A public key that signs notes: its name and 32 raw bytes.

    ``kind`` is :data:`ED25519` for a log's own key and :data:`COSIGNATURE` for a cosigner's;
    ``until`` is when the key was retired, if it was.
    """

    name: str
    raw: bytes
    kind: bytes = ED25519
    until: datetime | None = None

    @property
    def id(self) -> bytes:
        """Return the four bytes by which a signature line names its key."""
        material = self.name.encode() + b"\n" + self.kind + self.raw
        return hashlib.sha256(material).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        text = f"{self.name}+{self.id.hex()}+{base64.b64encode(self.kind + self.raw).decode()}"
        return text if self.until is None else f"{text}{UNTIL}{self.until.isoformat()}"

    def served(self, moment: datetime | None) -> bool:
        """Say whether the key was in use at a moment; without one, whether it still is."""
        return self.until is None or (moment is not None and moment <= self.until)


def public_key(name: str, key: Signer, kind: bytes = ED25519) -> NoteKey:
    """Return the public half of a key under its owner's name; it must be an Ed25519 key."""
    public = key.public_key()
    if not isinstance(public, Ed25519PublicKey):
        raise KeyMissingError("Notes are signed with an Ed25519 key; this one is of another kind.")
    return NoteKey(name, public.public_bytes_raw(), kind)


def parse_key(text: str, kind: bytes = ED25519) -> NoteKey:
    """Read ``name+id+key[ until moment]`` as :class:`NoteKey` prints it.

    Raises:
        CheckpointError: It is no such text, or a key of another kind.
    """
    named, _, moment = text.strip().partition(UNTIL)
    parts = named.split("+", 2)
    if len(parts) != 3 or not parts[0]:  # noqa: PLR2004 - the three parts named above
        raise CheckpointError("a key is written name+id+key, one a line")
    material = _decode(parts[2])
    if material[:1] != kind or len(material) != 1 + KEY_BYTES:
        raise CheckpointError("the key is not an Ed25519 key for this use")
    key = NoteKey(parts[0], material[1:], kind, _until(moment) if moment else None)
    if key.id.hex() != parts[1]:
        raise CheckpointError("the key and its id do not belong together")
    return key


def parse_keys(text: str, kind: bytes = ED25519) -> tuple[NoteKey, ...]:
    """Read one key a line; raises :class:`CheckpointError` when there is none."""
    keys = tuple(parse_key(line, kind) for line in text.splitlines() if line.strip())
    if not keys:
        raise CheckpointError("there is no key")
    return keys


def sign(checkpoint: Checkpoint, key: Signer) -> str:
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


def verify(note: str, *keys: NoteKey, at: datetime | None = None) -> Checkpoint:
    """Return the checkpoint if one of the log's keys has signed it.

    ``at`` is when it was signed at the latest (its timestamp), which a retired key needs. Lines
    of other signers (cosigners, witnesses) are passed over.

    Raises:
        CheckpointError: It is not signed by any of them, or by one that was retired by then.
    """
    checkpoint = parse(note)
    own = [key for key in keys if key.name == checkpoint.origin]
    if not own:
        raise CheckpointError("the checkpoint is of another log than the given key")
    for key in own:
        for material in signatures_of(note, key):
            check_signature(key, material, body_of(note))
            if not key.served(at):
                raise CheckpointError("the key had been retired when the checkpoint was signed")
            return checkpoint
    raise CheckpointError("the given key has not signed the checkpoint")


def signatures_of(note: str, key: NoteKey) -> Iterable[bytes]:
    """Yield what follows the key's id in each of its signature lines."""
    _, separator, signatures = note.partition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise CheckpointError("the checkpoint carries no signature")
    for line in signatures[:-1].split("\n"):
        if not line.startswith(SIGNATURE_PREFIX):
            raise CheckpointError("the checkpoint carries something that is no signature")
        name, _, value = line.removeprefix(SIGNATURE_PREFIX).rpartition(" ")
        material = _decode(value)
        if name == key.name and material[:KEY_ID_BYTES] == key.id:
            yield material[KEY_ID_BYTES:]


def check_signature(key: NoteKey, signature: bytes, signed: bytes) -> None:
    """Raise :class:`CheckpointError` unless the key has signed these bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, signed)
    except InvalidSignature as error:
        raise CheckpointError("the checkpoint's signature is wrong") from error


def body_of(note: str) -> bytes:
    """Return the bytes of a note that its signatures are over."""
    return (note.partition("\n\n")[0] + "\n").encode()


def _until(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CheckpointError("the moment a key was retired is not readable") from error
    if moment.tzinfo is None:
        raise CheckpointError("the moment a key was retired names no time zone")
    return moment


def _decode(text: str) -> bytes:
    try:
        return strict_base64(text)
    except ValueError as error:
        raise CheckpointError("the note holds something that is not base64") from error
