"""Records as a user brings them: a file of JSON lines, mappings, or pairs of prompt and answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from contract.record import CALIBRATION_FORM, Form, Record, record_from_json, record_to_json
from contract.result import ErrorCode, JobError

Records = str | Path | Iterable[Record | Mapping[str, Any] | tuple[str, str]]
"""A JSON-lines file, records, or pairs of prompt and answer (as tuples or mappings)."""
QUESTION = "question"


def plain(records: Records) -> str | list[Any]:
    """Return records as a job file would hold them."""
    if isinstance(records, str | Path):
        return str(records)
    return [_plain(item) for item in records]


def _plain(item: Any) -> Any:
    if isinstance(item, Record):
        return record_to_json(item)
    if isinstance(item, tuple | list) and len(item) == len(("prompt", "answer")):
        return dict(zip(("prompt", "answer"), item, strict=True))
    return item


def read(source: str | Sequence[Any], kind: str, *, calibrated: bool = False) -> list[Record]:
    """Return records from a JSON-lines file or from mappings; raises ``JobError``.

    A mapping of ``prompt`` and ``answer`` is a record of one question; where calibration records
    are given, the same question is the one that the stopping rule asks.
    """
    items = source if not isinstance(source, str) else _lines(Path(source))
    return [_record(item, number, kind, calibrated) for number, item in enumerate(items, start=1)]


def _record(item: Any, number: int, kind: str, calibrated: bool) -> Record:  # noqa: FBT001 - private
    try:
        if "prompt" in item:
            form = Form(**item)
            forms = {QUESTION: form} | ({CALIBRATION_FORM: form} if calibrated else {})
            record = Record(f"{kind}-{number}", (kind,), forms)
        else:
            record = record_from_json(item)
    except (ValidationError, TypeError) as error:
        message = (
            f"number {number} of the {kind} records is neither a record (id, path, forms) "
            "nor a prompt with an answer"
        )
        raise JobError(ErrorCode.BAD_JOB, message) from error
    if any(not form.answer.strip() for form in record.forms.values()):
        message = f"number {number} of the {kind} records has no answer: there is nothing to learn"
        raise JobError(ErrorCode.BAD_JOB, message)
    return record


def _lines(path: Path) -> Iterable[Any]:
    try:
        with path.open(encoding="utf-8") as handle:
            yield from (json.loads(line) for line in handle if line.strip())
    except FileNotFoundError as error:
        message = f"there is no file {path.name!r} of records"
        raise JobError(ErrorCode.DATA_MISSING, message) from error
    except (OSError, ValueError) as error:
        message = f"{path.name} is not a file of JSON lines, one record a line"
        raise JobError(ErrorCode.BAD_JOB, message) from error
