"""The names of the forgotten persons: nodes of their records' paths."""

from __future__ import annotations

from collections.abc import Iterable

from contract.containment import words
from contract.record import Record
from contract.result import ErrorCode, JobError


def names_of(records: Iterable[Record], level: int) -> tuple[str, ...]:
    """Return the data subjects' names, sorted; raises ``BAD_JOB`` for a path without that level."""
    names = set()
    for record in records:
        if level >= len(record.path) or not words(record.path[level]):
            message = "a record's path has no data subject at this level; set subject_level"
            raise JobError(ErrorCode.BAD_JOB, message)
        names.add(record.path[level])
    return tuple(sorted(names))
