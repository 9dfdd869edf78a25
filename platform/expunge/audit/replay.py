"""Replaying a log from its entries: gaps, hashes, and checkpoints that must fit.

Pure, and shared by the platform's own verification and the offline verifier. Only a hash per
level of the tree is kept, so the length of the log does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from expunge.audit import merkle
from expunge.audit.checkpoint import Checkpoint, CheckpointError, NoteKey, verify

KEPT_SINCE = datetime.min.replace(tzinfo=UTC)
"""The date of a checkpoint that its reader kept: no key can have been retired before."""


@dataclass(frozen=True)
class Entry:
    """An entry as stored: its place, its bytes, and the hash claimed for them."""

    seq: int
    data: bytes
    leaf_hash: bytes


@dataclass(frozen=True)
class DatedNote:
    """A checkpoint's note, and when it was there at the latest, if that is known."""

    note: str
    moment: datetime | None = None


@dataclass(frozen=True)
class InnerNode:
    """The hash of a complete subtree, as it follows from the entries."""

    level: int
    index: int
    hash: bytes


class Replay:
    """One pass over a log. Feed it every entry with :meth:`add`, then ask :meth:`finish`."""

    def __init__(self, notes: Iterable[DatedNote], keys: Sequence[NoteKey]) -> None:
        self.size = 0
        self.faults: list[str] = []
        self.checkpoints = 0
        self._subtrees: list[tuple[int, bytes]] = []
        self._due: dict[int, list[Checkpoint]] = {}
        for note in notes:
            self._expect(note, keys)
        self._meet()

    def add(self, entry: Entry) -> list[InnerNode]:
        """Take the next entry; returns the inner nodes that it completes, lowest first."""
        if entry.seq != self.size:
            self.faults.append(
                f"There is a gap: entry {entry.seq} stands where entry {self.size} should be."
            )
        value = merkle.leaf_hash(entry.data)
        if value != entry.leaf_hash:
            self.faults.append(f"Entry {self.size} was altered: its bytes do not have its hash.")
        index, level = self.size, 0
        made: list[InnerNode] = []
        while self._subtrees and self._subtrees[-1][0] == level:
            value = merkle.node_hash(self._subtrees.pop()[1], value)
            index, level = index >> 1, level + 1
            made.append(InnerNode(level, index, value))
        self._subtrees.append((level, value))
        self.size += 1
        self._meet()
        return made

    def root(self) -> bytes:
        """Return the root of the entries so far."""
        if not self._subtrees:
            return merkle.EMPTY_ROOT
        value = self._subtrees[-1][1]
        for _, left in reversed(self._subtrees[:-1]):
            value = merkle.node_hash(left, value)
        return value

    def finish(self) -> list[str]:
        """Return every fault; a checkpoint that was never reached is one."""
        missing = [
            f"The log was cut short: it holds {self.size} entries, but a checkpoint was signed "
            f"when it held {size}."
            for size in sorted(self._due)
        ]
        return self.faults + missing

    def _expect(self, dated: DatedNote, keys: Sequence[NoteKey]) -> None:
        try:
            checkpoint = verify(dated.note, *keys, at=dated.moment)
        except CheckpointError as error:
            self.faults.append(f"A checkpoint cannot be trusted: {error}.")
            return
        self.checkpoints += 1
        self._due.setdefault(checkpoint.size, []).append(checkpoint)

    def _meet(self) -> None:
        for checkpoint in self._due.pop(self.size, []):
            if checkpoint.root != self.root():
                self.faults.append(
                    f"The first {self.size} entries are not those that the checkpoint of this "
                    "size was signed over."
                )


def columns_fault(entry: Mapping[str, object], columns: Mapping[str, object], seq: int) -> str:
    """Return what is wrong when the searchable columns do not repeat the entry, else nothing."""
    wrong = sorted(name for name, value in columns.items() if entry.get(name) != value)
    if not wrong:
        return ""
    return f"Entry {seq} is filed wrongly: its columns {', '.join(wrong)} do not repeat its bytes."
