"""How the keys of a log follow each other, read from the log itself.

A key is retired by an entry that says so, and the next one is introduced by the entry after it;
both stand under a checkpoint that the old key signs as its last. Whoever holds the first key and
an export of the log can therefore tell every later key, and needs nobody's word for it.

Pure: the replay that follows shows whether the entries are those of the checkpoints.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from expunge.audit.actions import AuditAction
from expunge.audit.checkpoint import CheckpointError, NoteKey, parse_key, verify
from expunge.audit.replay import DatedNote, Entry

CHECKPOINT = "checkpoint"
"""The purpose under which the log's own keys are introduced."""


@dataclass(frozen=True)
class Told:
    """What the entries of a log say about its keys: where each was introduced, when retired."""

    introduced: Sequence[tuple[int, NoteKey]]
    retired: Mapping[str, tuple[int, datetime]]


def told_by(entries: Iterable[Entry]) -> Told:
    """Collect what a log says about its own keys; raises :class:`CheckpointError`."""
    introduced: list[tuple[int, NoteKey]] = []
    retired: dict[str, tuple[int, datetime]] = {}
    words = (AuditAction.KEY_INTRODUCED.encode(), AuditAction.KEY_RETIRED.encode())
    for entry in entries:
        if not any(word in entry.data for word in words):
            continue
        try:
            said = json.loads(entry.data)
            if said["data"].get("purpose") != CHECKPOINT:
                continue
            if said["action"] == AuditAction.KEY_INTRODUCED:
                introduced.append((entry.seq, parse_key(said["data"]["public"])))
            elif said["action"] == AuditAction.KEY_RETIRED:
                moment = datetime.fromisoformat(said["data"]["until"])
                retired[said["subject"]["key"]] = (entry.seq, moment)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(f"entry {entry.seq} about a key is not readable") from error
    return Told(introduced, retired)


def keys_told(told: Told) -> tuple[NoteKey, ...]:
    """Return every key that the entries introduce, with its end: the log's own word."""
    return tuple(_ended(key, told) for _, key in told.introduced)


def keys_followed(
    told: Told, notes: Iterable[DatedNote], held: Sequence[NoteKey]
) -> tuple[NoteKey, ...]:
    """Return the keys that were held and those that the log hands over to, with their ends.

    A key counts once an entry introduced it under a checkpoint of a key that counts already.
    """
    waiting, known, size = list(notes), list(held), 0
    while True:
        signed = {note: _size(note, known) for note in waiting}
        waiting = [note for note, found in signed.items() if found == 0]
        size = max([size, *signed.values()])
        fresh = [
            key
            for seq, key in told.introduced
            if seq < size and key.id not in {item.id for item in known}
        ]
        if not fresh:
            return tuple(_ended(key, told, size) for key in known)
        known += fresh


def _size(note: DatedNote, keys: Sequence[NoteKey]) -> int:
    """Return the size a note vouches for under these keys; 0 when none of them signed it."""
    try:
        return verify(note.note, *keys, at=note.moment).size
    except CheckpointError:
        return 0


def _ended(key: NoteKey, told: Told, size: float = math.inf) -> NoteKey:
    """Return the key with the end that an entry below ``size`` sets, if that is the earlier one."""
    if key.id.hex() not in told.retired:
        return key
    seq, moment = told.retired[key.id.hex()]
    sooner = key.until is None or moment < key.until
    return replace(key, until=moment) if seq < size and sooner else key
