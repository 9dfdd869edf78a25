"""``expunge-cosign``: for whoever watches the log from outside, on a machine of their own.

    expunge-cosign init FOLDER --name auditor.example/main --log-key log.key
    expunge-cosign sign FOLDER continuation.json > cosigned.txt

The folder holds the cosigner's private key, the log's keys as they were handed over, and the last
checkpoint that was cosigned. A newer one is signed only when its log begins with that one; what
is shown instead of it is kept in the folder as evidence, for it convicts whoever signed it. The
first checkpoint is believed as it comes: give a whole export of the log (``log.jsonl``) in place
of a continuation to have every entry counted.

Exit code 0: signed, 1: refused, 2: it could not look. Needs no Django, no network.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from expunge.audit import checkpoint as notes
from expunge.audit.checkpoint import COSIGNATURE, Checkpoint, CheckpointError, NoteKey
from expunge.audit.continuation import Continuation, read_continuation, require_growth
from expunge.audit.cosignature import cosign
from expunge.audit.export import ExportError, StampedNote, read_export
from expunge.audit.handover import keys_followed, told_by
from expunge.audit.replay import KEPT_SINCE, DatedNote, Entry, Replay
from expunge.common.keyfile import write_private

SIGNED, REFUSED, USAGE = 0, 1, 2
KEY, NAME, LOG_KEYS, LAST = "key.pem", "name", "log.key", "last-checkpoint.txt"


class Cosigner:
    """A cosigner's folder."""

    def __init__(self, folder: Path) -> None:
        """Read the folder; raises ``OSError`` or :class:`CheckpointError`."""
        self.folder = folder
        self.name = (folder / NAME).read_text(encoding="utf-8").strip()
        key = serialization.load_pem_private_key((folder / KEY).read_bytes(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise CheckpointError("the cosigner's key is not an Ed25519 key")
        self.key = key
        self.log_keys = notes.parse_keys((folder / LOG_KEYS).read_text(encoding="utf-8"))

    @classmethod
    def create(cls, folder: Path, name: str, log_keys: str) -> Cosigner:
        """Make a key and the folder around it; raises ``FileExistsError`` when there is one."""
        notes.parse_keys(log_keys)
        if not name or any(sign.isspace() or sign == "+" for sign in name):
            raise CheckpointError("a cosigner's name has neither spaces nor plus signs")
        folder.mkdir(mode=0o700, parents=True)
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        for file, content in ((KEY, pem), (NAME, name.encode()), (LOG_KEYS, log_keys.encode())):
            write_private(folder / file, content)
        return cls(folder)

    @property
    def public(self) -> NoteKey:
        """Return the public key, for the operator of the log and for verifiers."""
        return notes.public_key(self.name, self.key, COSIGNATURE)

    @property
    def last(self) -> Checkpoint | None:
        """Return the checkpoint that was cosigned last; raises when it was tampered with."""
        path = self.folder / LAST
        if not path.exists():
            return None
        return notes.parse(path.read_text(encoding="utf-8"))

    def sign(self, shown: Continuation | Path) -> str:
        """Return the cosigned note of what is shown, and remember it.

        Raises:
            CheckpointError: It is not the log that is known, or nobody trusted has signed it.
            ExportError: The export cannot be read.
        """
        with self._alone():
            note = self._replayed(shown) if isinstance(shown, Path) else self._grown(shown)
            signed = note + cosign(note, self.key, self.name, datetime.now(UTC))
            write_private(self.folder / LAST, signed.encode())
            return signed

    def _grown(self, shown: Continuation) -> str:
        # A cosigner looks at what is current: a retired key signs nothing that is new to it.
        new = notes.verify(shown.note, *self.log_keys)
        kept = self.last
        try:
            if kept is not None:
                require_growth(kept, new, shown)
        except CheckpointError:
            self._evidence(shown.note)
            raise
        return shown.note

    def _replayed(self, export: Path) -> str:
        """Replay a whole export; returns its newest checkpoint, and learns the log's keys."""
        items = list(read_export(export))
        entries = [item for item in items if isinstance(item, Entry)]
        dated = [DatedNote(item.note) for item in items if isinstance(item, StampedNote)]
        keys = keys_followed(told_by(entries), dated, self.log_keys)
        current = [item for item in dated if _signed_by(item.note, keys)]
        if not current:
            raise CheckpointError("no checkpoint in the export is signed by a key of the log")
        newest = max((item.note for item in current), key=lambda note: notes.parse(note).size)
        if self.last is not None:
            known = (self.folder / LAST).read_text(encoding="utf-8")
            current.append(DatedNote(known, KEPT_SINCE))
        replay = Replay(current, keys)
        for entry in entries:
            replay.add(entry)
        if faults := replay.finish():
            self._evidence(newest)
            raise CheckpointError(" ".join(faults))
        write_private(self.folder / LOG_KEYS, "".join(f"{key}\n" for key in keys).encode())
        return newest

    def _evidence(self, note: str) -> None:
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        write_private(self.folder / f"refused-{moment}.txt", note.encode())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``expunge-cosign``; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "init":
            log_keys = options.log_key.read_text(encoding="utf-8")
            made = Cosigner.create(options.folder, options.name, log_keys)
            sys.stdout.write(f"{made.public}\n")
            return SIGNED
        cosigner = Cosigner(options.folder)
        shown = options.shown
        if shown.suffix != ".jsonl":
            shown = read_continuation(json.loads(shown.read_text(encoding="utf-8")))
    except OSError as error:
        sys.stderr.write(f"expunge-cosign: {error.filename}: {error.strerror}.\n")
        return USAGE
    except ValueError as error:
        sys.stderr.write(f"expunge-cosign: {error}.\n")
        return USAGE
    try:
        sys.stdout.write(cosigner.sign(shown))
    except (CheckpointError, ExportError) as error:
        sys.stderr.write(f"NOT SIGNED: {error}\n")
        return REFUSED
    return SIGNED


def _signed_by(note: str, keys: Sequence[NoteKey]) -> bool:
    """Say whether one of the keys that are in use has signed a note."""
    try:
        notes.verify(note, *keys)
    except CheckpointError:
        return False
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="expunge-cosign",
        description="Watch an audit log from outside. Exit code 0: signed, 1: refused, 2: usage.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", help="make a key and the folder that remembers")
    init.add_argument("folder", type=Path)
    init.add_argument("--name", required=True, help="who you are: auditor.example/main")
    init.add_argument("--log-key", type=Path, required=True, help="the log's public keys")
    sign = commands.add_parser("sign", help="cosign a newer checkpoint, if the log only grew")
    sign.add_argument("folder", type=Path)
    sign.add_argument("shown", type=Path, help="a continuation (.json) or an export (.jsonl)")
    return parser
