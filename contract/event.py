"""``events.jsonl``: the progress of a running job, one JSON object a line.

Events carry numbers and fixed phrases only, never a record's text or a person's name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from contract.record import FROZEN

EVENTS_FILE = "events.jsonl"


@dataclass(frozen=True, config=FROZEN)
class Event:
    """A step of a phase: ``done`` of ``total`` units (total 0: unknown), with a short message."""

    phase: str
    message: str = ""
    done: int = 0
    total: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


class EventLog:
    """Appends events to ``events.jsonl``; each line is written whole and flushed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / EVENTS_FILE

    def emit(
        self,
        phase: str,
        message: str = "",
        *,
        done: int = 0,
        total: int = 0,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Append one event, stamped with the current time in UTC."""
        event = Event(phase, message, done, total, metrics or {})
        line = json.dumps(_ADAPTER.dump_python(event, mode="json"), allow_nan=False)
        with self._path.open("a", encoding="utf-8") as handle:
            handle.write(line + "\n")


def read_events(folder: Path, offset: int = 0) -> tuple[tuple[Event, ...], int]:
    """Return the complete events after byte ``offset`` and the offset to continue from."""
    path = folder / EVENTS_FILE
    if not path.exists():
        return (), offset
    with path.open("rb") as handle:
        handle.seek(offset)
        data = handle.read()
    whole = data[: data.rfind(b"\n") + 1]
    return tuple(_parse(whole)), offset + len(whole)


def _parse(data: bytes) -> Iterator[Event]:
    for line in data.splitlines():
        if line.strip():
            yield _ADAPTER.validate_json(line)
