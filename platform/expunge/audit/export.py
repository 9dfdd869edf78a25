"""The log as a file for an auditor: JSON lines, entries first, then every checkpoint.

    {"seq": 0, "data": "<base64>"}
    {"checkpoint": "<note>", "token": "<base64>"}

Pure: the platform writes it, the offline verifier reads it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expunge.audit.merkle import leaf_hash
from expunge.audit.replay import Entry
from expunge.common.strict import strict_base64, strict_json, strict_number


class ExportError(ValueError):
    """A file is no export of an audit log."""


@dataclass(frozen=True)
class StampedNote:
    """A checkpoint's note, its timestamp token, and the lines that cosigners added later."""

    note: str
    token: bytes
    cosignatures: str = ""

    @property
    def cosigned(self) -> str:
        """Return the note with every line that others added."""
        return self.note + self.cosignatures


def entry_line(entry: Entry) -> str:
    """Return the line of an entry."""
    return json.dumps({"seq": entry.seq, "data": _text(entry.data)})


def checkpoint_line(item: StampedNote) -> str:
    """Return the line of a checkpoint."""
    line = {"checkpoint": item.note, "token": _text(item.token)}
    return json.dumps({**line, "cosignatures": item.cosignatures} if item.cosignatures else line)


def read_export(path: Path) -> Iterator[Entry | StampedNote]:
    """Yield what an export holds, in order; raises :class:`ExportError` with the line's number."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield _item(strict_json(line))
            except (ValueError, KeyError, TypeError) as error:
                raise ExportError(f"line {number} of the log export is not readable") from error


def write_export(
    path: Path, entries: Iterable[Entry], checkpoints: Iterable[StampedNote]
) -> tuple[int, int]:
    """Write an export; returns how many entries and checkpoints it holds."""
    counts = [0, 0]
    with path.open("w", encoding="utf-8") as handle:
        for entry in entries:
            handle.write(entry_line(entry) + "\n")
            counts[0] += 1
        for item in checkpoints:
            handle.write(checkpoint_line(item) + "\n")
            counts[1] += 1
    return counts[0], counts[1]


def _item(value: dict[str, Any]) -> Entry | StampedNote:
    if "checkpoint" in value:
        if value.keys() - {"checkpoint", "token", "cosignatures"}:
            raise ValueError("the line of a checkpoint holds something else")
        lines = str(value.get("cosignatures", ""))
        return StampedNote(str(value["checkpoint"]), strict_base64(value["token"]), lines)
    if value.keys() != {"seq", "data"}:
        raise ValueError("the line is neither of an entry nor of a checkpoint")
    data = strict_base64(value["data"])
    return Entry(strict_number(value["seq"]), data, leaf_hash(data))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
