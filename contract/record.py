"""A record: one fact about one data subject, asked in one or more surface forms.

A dataset is a JSON-lines file of records. Where a record hangs in the hierarchy of its
dataset is its ``path`` (for a hospital: institution, patient, study, section).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

FROZEN = ConfigDict(extra="forbid", allow_inf_nan=False)

CALIBRATION_FORM = "calibration"
"""The form reserved to the unlearner's stopping rule; no verification ever asks it."""


@dataclass(frozen=True, config=FROZEN)
class Form:
    """One way to ask for a fact: the model reads ``prompt`` and should continue with ``answer``.

    ``wrong`` holds answers of the same kind that are not true (the other options of a
    multiple-choice question, the perturbed answers of TOFU); it may be empty.
    """

    prompt: str
    answer: str
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, config=FROZEN)
class Record:
    """A fact of one data subject.

    ``id`` is a pseudonym, unique in its dataset; ``path`` names the nodes from the root of
    the hierarchy to the leaf that owns the record; ``forms`` maps a form's name (question,
    statement, cloze, choice, calibration) to its text.
    """

    id: str
    path: tuple[str, ...]
    forms: Mapping[str, Form] = field(default_factory=dict)

    def subject(self, level: int) -> tuple[str, ...]:
        """Return the path of the data subject, when subjects stand at depth ``level`` (0-based)."""
        return self.path[: level + 1]


_ADAPTER: TypeAdapter[Record] = TypeAdapter(Record)


def record_from_json(value: Mapping[str, Any]) -> Record:
    """Build a record from parsed JSON; raises ``pydantic.ValidationError`` on bad shape."""
    return _ADAPTER.validate_python(value)


def record_to_json(record: Record) -> dict[str, Any]:
    """Return the record as JSON-like data."""
    data: dict[str, Any] = _ADAPTER.dump_python(record, mode="json")
    return data


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a JSON-lines file in order; a bad line raises ``ValueError``."""
    with path.open(encoding="utf-8") as handle:
        for number, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            try:
                yield _ADAPTER.validate_json(line)
            except ValueError as error:
                message = f"{path.name}, line {number}: not a record ({type(error).__name__})"
                raise ValueError(message) from error


def write_records(path: Path, records: Iterable[Record]) -> int:
    """Write records as JSON lines; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8") as handle:
        for record in records:
            handle.write(json.dumps(record_to_json(record), ensure_ascii=False) + "\n")
            count += 1
    return count
