"""The audit log, replayed from an export: whole, not rewritten, and holding our entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from expunge.audit.checkpoint import LogKey
from expunge.audit.export import ExportError, StampedNote, read_export
from expunge.audit.replay import Entry, Replay
from expunge.certificates.offline.findings import Refusal
from expunge.certificates.offline.statement import Recorded


def read_log(path: Path, key: LogKey, held: Sequence[Recorded], notes: Sequence[str]) -> str:
    """Return a sentence about a log that holds; raises :class:`Refusal`.

    ``held`` are entries that must stand in it; their checkpoints, and ``notes`` kept from
    elsewhere, must fit it too: that is how a log that was cut short is noticed.
    """
    try:
        items = list(read_export(path))
    except (ExportError, OSError, UnicodeDecodeError) as error:
        raise Refusal(f"The export of the log cannot be read: {error}.") from error
    exported = [item.note for item in items if isinstance(item, StampedNote)]
    known = [item.proof.checkpoint for item in held]
    replay = Replay([*exported, *known, *notes], key)
    wanted: Mapping[int, bytes] = {item.proof.seq: item.proof.leaf for item in held}
    for item in items:
        if isinstance(item, Entry):
            if wanted.get(item.seq, item.data) != item.data:
                replay.faults.append(f"Entry {item.seq} is not the one this certificate rests on.")
            replay.add(item)
    faults = replay.finish()
    if faults:
        raise Refusal(" ".join(faults))
    return (
        f"The log is whole: {replay.size} entries without a gap, in agreement with "
        f"{replay.checkpoints} signed checkpoints."
    )
