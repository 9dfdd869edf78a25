"""Any table as a dataset: a mapping says which columns hold what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from contract.canonical import read_json
from contract.record import FROZEN, Form, Record
from corpora.assignment import Arm, Assignment, SubjectKey, flip_subjects
from corpora.dataset import Dataset, DatasetError
from corpora.table_rows import download_table, read_rows

HUB_PREFIX = "hub:"


@dataclass(frozen=True, config=FROZEN)
class FormColumns:
    """The columns of one surface form; ``wrong`` is a column of lists of wrong answers."""

    prompt: str
    answer: str
    wrong: str | None = None


@dataclass(frozen=True, config=FROZEN)
class ColumnMapping:
    """Which columns hold what.

    ``levels`` are the columns of the hierarchy from the root down, and name its levels; data
    subjects stand at ``subject_level`` (0-based). ``prompt``, ``answer`` and ``wrong`` become
    the trained form ``question``; ``forms`` adds further forms, and ``trained`` says which
    forms are trained. Without ``id``, records are numbered. ``arm`` is a column that already
    says trained, twin or public; without it a coin is flipped for every subject.
    """

    prompt: str
    answer: str
    levels: tuple[str, ...]
    subject_level: int = 0
    id: str | None = None
    wrong: str | None = None
    forms: Mapping[str, FormColumns] = field(default_factory=dict)
    trained: tuple[str, ...] = ("question",)
    arm: str | None = None

    def all_forms(self) -> dict[str, FormColumns]:
        """Return the columns of every form."""
        return {"question": FormColumns(self.prompt, self.answer, self.wrong), **self.forms}

    def columns(self) -> frozenset[str]:
        """Return every column that must exist."""
        named = {*self.levels, self.id, self.arm}
        for form in self.all_forms().values():
            named |= {form.prompt, form.answer, form.wrong}
        return frozenset(name for name in named if name is not None)


_MAPPING: TypeAdapter[ColumnMapping] = TypeAdapter(ColumnMapping)


def read_mapping(path: Path) -> ColumnMapping:
    """Read a mapping from JSON; raises :class:`DatasetError` that names the wrong field."""
    try:
        return _MAPPING.validate_python(read_json(path))
    except FileNotFoundError as error:
        message = f"there is no mapping file {path.name!r}"
        raise DatasetError(message) from error
    except ValidationError as error:
        wrong = ".".join(str(part) for part in error.errors()[0]["loc"]) or "its shape"
        message = f"{path.name} is not a column mapping: {wrong} is missing or wrong"
        raise DatasetError(message) from error
    except ValueError as error:
        message = f"{path.name} is not valid JSON"
        raise DatasetError(message) from error


def load_table(
    source: str | Path,
    mapping: ColumnMapping,
    *,
    name: str = "table",
    share: float = 0.5,
    seed: int = 0,
) -> Dataset:
    """Load a table as a dataset.

    ``source`` is a local JSON-lines, JSON or Parquet file, or ``hub:owner/name`` or
    ``hub:owner/name:file`` for a hub dataset. Unless the mapping names an arm column, each
    subject is trained with probability ``share``. Raises :class:`DatasetError` whose sentence
    names a file, a row number or a column, never a value.
    """
    path = _locate(source)
    records: list[Record] = []
    given: dict[SubjectKey, Arm] = {}
    for number, row in read_rows(path, mapping.columns()):
        try:
            record = _record(number, row, mapping)
            subject = record.subject(mapping.subject_level)
            arm = Arm(row[mapping.arm]) if mapping.arm else Arm.TRAINED
        except (ValueError, TypeError):
            # The cause would quote the row.
            message = f"{path.name}, row {number}: a value is missing or of the wrong type"
            raise DatasetError(message) from None
        if given.setdefault(subject, arm) is not arm:
            message = f"{path.name}, row {number}: its data subject has another arm above"
            raise DatasetError(message)
        records.append(record)
    flips: Assignment | None = None if mapping.arm else flip_subjects(given, seed, share)
    arms = flips.arms() if flips else given
    return Dataset(
        name,
        mapping.levels,
        mapping.subject_level,
        mapping.trained,
        seed,
        tuple(records),
        arms,
        flips,
    )


def _locate(source: str | Path) -> Path:
    if isinstance(source, Path) or not source.startswith(HUB_PREFIX):
        return Path(source)
    dataset_id, _, file = source.removeprefix(HUB_PREFIX).partition(":")
    return download_table(dataset_id, file or None)


def _record(number: int, row: Mapping[str, Any], mapping: ColumnMapping) -> Record:
    identity = _label(row[mapping.id]) if mapping.id else f"row-{number}"
    path = tuple(_label(row[level]) for level in mapping.levels)
    return Record(identity, path, dict(_forms(row, mapping)))


def _forms(row: Mapping[str, Any], mapping: ColumnMapping) -> Iterator[tuple[str, Form]]:
    """Yield the row's forms; an untrained form whose prompt or answer is empty is left out."""
    for name, columns in mapping.all_forms().items():
        prompt, answer = row[columns.prompt], row[columns.answer]
        if name not in mapping.trained and (prompt in {None, ""} or answer in {None, ""}):
            continue
        wrong = row[columns.wrong] if columns.wrong else ()
        # Models read prompt and answer joined, so they must not run into each other.
        blank = "" if prompt[-1:].isspace() or answer[:1].isspace() else " "
        if not prompt.strip() or not answer.strip():
            message = "empty prompt or answer"
            raise ValueError(message)
        yield name, Form(prompt + blank, answer, tuple(wrong or ()))


def _label(value: Any) -> str:
    """Return an id or a node's name; whole numbers are accepted, as tables often have them."""
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        message = "not a label"
        raise TypeError(message)
    return str(value)
