"""That a log goes on from where somebody knew it: a newer checkpoint and the proof between.

What a cosigner is handed. Pure: the platform writes it, ``expunge-cosign`` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from expunge.audit import merkle
from expunge.audit.checkpoint import Checkpoint, CheckpointError
from expunge.audit.merkle import ProofError

SCHEMA = "expunge.log-continuation/1"


@dataclass(frozen=True)
class Continuation:
    """A newer checkpoint's note, and the consistency proof from a log of ``since`` entries."""

    since: int
    path: Sequence[bytes]
    note: str


def write_continuation(item: Continuation) -> dict[str, Any]:
    """Return a continuation as JSON-like data."""
    return {
        "schema": SCHEMA,
        "since": item.since,
        "path": [value.hex() for value in item.path],
        "checkpoint": item.note,
    }


def read_continuation(data: Mapping[str, Any]) -> Continuation:
    """Read a continuation; raises :class:`CheckpointError`."""
    try:
        if data["schema"] != SCHEMA:
            raise CheckpointError("the file is no continuation of a log")
        path = [bytes.fromhex(item) for item in data["path"]]
        return Continuation(int(data["since"]), path, str(data["checkpoint"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError("the continuation of the log is not readable") from error


def require_growth(kept: Checkpoint, new: Checkpoint, item: Continuation) -> None:
    """Raise :class:`CheckpointError` unless the newer log begins with the one that is known."""
    if new.size < kept.size:
        raise CheckpointError(
            f"the log was cut short: it held {kept.size} entries and now shows {new.size}"
        )
    if new.size == kept.size:
        if new.root != kept.root:
            raise CheckpointError(
                f"there are two logs of {new.size} entries: this one is not the one that is known"
            )
        return
    if item.since != kept.size:
        raise CheckpointError(
            f"the proof begins at {item.since} entries; ask for one since {kept.size}"
        )
    try:
        merkle.verify_consistency(kept.size, new.size, item.path, kept.root, new.root)
    except ProofError as error:
        raise CheckpointError(f"the past of the log was changed: {error}") from error
