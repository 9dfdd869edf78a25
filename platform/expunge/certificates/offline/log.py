"""The audit log, replayed from an export: whole, not rewritten, and holding our entries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from expunge.audit.actions import AuditAction
from expunge.audit.checkpoint import CheckpointError
from expunge.audit.export import ExportError, StampedNote, read_export
from expunge.audit.handover import keys_followed, told_by
from expunge.audit.replay import KEPT_SINCE, DatedNote, Entry, Replay
from expunge.certificates.offline.findings import Refusal
from expunge.certificates.offline.statement import Recorded
from expunge.certificates.offline.trust import Roots, Trust, timestamp_moment
from expunge.certificates.status import Revoked


@dataclass(frozen=True)
class Replayed:
    """A log that holds: a sentence about it, and what it says of a revocation, if anything."""

    sentence: str
    revoked: Revoked | None
    cosigned: Sequence[str] = ()


def read_log(
    path: Path,
    trust: Trust,
    held: Sequence[Recorded],
    notes: Sequence[str],
    statement: str | None,
) -> Replayed:
    """Replay a log; raises :class:`Refusal` when it does not hold.

    ``statement`` is the digest of the statement whose revocation is looked for.

    ``held`` are entries that must stand in it; their checkpoints, and ``notes`` kept from
    elsewhere, must fit it too: that is how a log that was cut short is noticed. Keys that the log
    introduced after those given are followed (:mod:`expunge.audit.handover`).
    """
    try:
        items = list(read_export(path))
    except (ExportError, OSError, UnicodeDecodeError) as error:
        raise Refusal(f"The export of the log cannot be read: {error}.") from error
    known = [
        *(DatedNote(item.proof.checkpoint, item.moment) for item in held),
        *(DatedNote(note, KEPT_SINCE) for note in notes),
    ]
    try:
        told = told_by(item for item in items if isinstance(item, Entry))
    except CheckpointError as error:
        raise Refusal(f"The log does not say which keys are its own: {error}.") from error
    exported = [_dated(item, trust.roots) for item in items if isinstance(item, StampedNote)]
    replay = Replay([*exported, *known], keys_followed(told, [*exported, *known], trust.log_keys))
    wanted: Mapping[int, bytes] = {item.proof.seq: item.proof.leaf for item in held}
    revoked: Revoked | None = None
    for item in items:
        if isinstance(item, Entry):
            revoked = revoked or _revocation(item, statement)
            if wanted.get(item.seq, item.data) != item.data:
                replay.faults.append(f"Entry {item.seq} is not the one this certificate rests on.")
            replay.add(item)
    faults = replay.finish()
    if faults:
        raise Refusal(" ".join(faults))
    sentence = (
        f"The log is whole: {replay.size} entries without a gap, in agreement with "
        f"{replay.checkpoints} signed checkpoints."
    )
    notes_cosigned = [item.cosigned for item in items if isinstance(item, StampedNote)]
    return Replayed(sentence, revoked, notes_cosigned)


def _dated(item: StampedNote, roots: Roots) -> DatedNote:
    """Return an exported checkpoint with the moment of its timestamp, which must hold."""
    what = "a checkpoint in the export of the log"
    return DatedNote(item.note, timestamp_moment(item.token, item.note.encode(), roots, what))


def _revocation(entry: Entry, statement: str | None) -> Revoked | None:
    """Return the revocation that an entry records, if it is that of this statement."""
    if statement is None or AuditAction.CERTIFICATE_REVOKED.encode() not in entry.data:
        return None
    try:
        said = json.loads(entry.data)
        if (said["action"], said["data"]["statement"]) != (
            AuditAction.CERTIFICATE_REVOKED,
            statement,
        ):
            return None
        return Revoked(
            number=said["data"]["number"],
            statement=statement,
            reason=said["data"]["reason"],
            revoked_at=datetime.fromisoformat(said["occurred_at"]),
            seq=entry.seq,
            superseded_by=said["data"].get("superseded_by"),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal(f"Entry {entry.seq} of the log is not readable.") from error
