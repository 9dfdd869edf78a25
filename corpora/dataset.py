"""A dataset in memory and as a folder.

``dataset.json`` holds the header: the levels of the hierarchy, where data subjects stand in
it, which forms are trained, and the arm of every subject. ``records.jsonl`` holds one record
a line. ``assignment.json`` holds the coin flips, if there were any. :func:`stream_records`
reads an arm of a large dataset without keeping its records in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass as checked_dataclass

from contract.canonical import read_json, write_json
from contract.record import FROZEN, Record, read_records, write_records
from corpora.assignment import ASSIGNMENT, Arm, Assignment, SubjectKey, shuffled

HEADER_FILE = "dataset.json"
RECORDS_FILE = "records.jsonl"
ASSIGNMENT_FILE = "assignment.json"
CALIBRATION_SHARE = 0.25


class DatasetError(ValueError):
    """A dataset that cannot be used; the sentence says why and holds no record's text."""


@dataclass(frozen=True)
class Dataset:
    """Records with the arm of each data subject.

    ``levels`` names the levels of every record's path; data subjects stand at depth
    ``subject_level`` (0-based); ``forms`` are the trained forms. Raises :class:`DatasetError`
    when the parts do not fit together.
    """

    name: str
    levels: tuple[str, ...]
    subject_level: int
    forms: tuple[str, ...]
    seed: int
    records: tuple[Record, ...] = field(repr=False)
    arms: Mapping[SubjectKey, Arm] = field(repr=False)
    assignment: Assignment | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check_header(self.levels, self.subject_level, self.forms)
        if not self.records:
            message = "the dataset holds no records"
            raise DatasetError(message)
        _check_records(self)

    def arm(self, arm: Arm) -> tuple[Record, ...]:
        """Return the records of an arm, in the dataset's order."""
        return tuple(item for item in self.records if self.arms[self.subject_of(item)] is arm)

    def subjects(self, arm: Arm) -> tuple[SubjectKey, ...]:
        """Return the data subjects of an arm, in the dataset's order."""
        return tuple(key for key in self._by_subject if self.arms[key] is arm)

    def subject_of(self, record: Record) -> SubjectKey:
        """Return the path of the record's data subject."""
        return record.subject(self.subject_level)

    def subject_records(self, path_prefix: SubjectKey) -> tuple[Record, ...]:
        """Return every record below a node of the hierarchy, at any level."""
        size = len(path_prefix)
        if size > self.subject_level:
            group = self._by_subject.get(path_prefix[: self.subject_level + 1], ())
        else:
            group = self.records
        return tuple(item for item in group if item.path[:size] == path_prefix)

    def split_twins(self) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
        """Split the twins by whole subjects into records for calibration and for verification.

        About a quarter of the subjects go to calibration, in an order keyed by the seed; a
        single twin goes to verification.
        """
        twins = self.subjects(Arm.TWIN)
        size = max(1, round(CALIBRATION_SHARE * len(twins))) if len(twins) > 1 else 0
        chosen = frozenset(shuffled(twins, self.seed, "calibration")[:size])
        calibration: list[Record] = []
        verification: list[Record] = []
        for item in self.arm(Arm.TWIN):
            (calibration if self.subject_of(item) in chosen else verification).append(item)
        return tuple(calibration), tuple(verification)

    def counts(self) -> dict[str, int]:
        """Return the number of records, and of subjects and records of every arm."""
        subjects = Counter(self.arms[key] for key in self._by_subject)
        records = Counter(self.arms[self.subject_of(item)] for item in self.records)
        per_arm = {f"{arm}_subjects": subjects[arm] for arm in Arm}
        per_arm |= {f"{arm}_records": records[arm] for arm in Arm}
        return {"records": len(self.records), **per_arm}

    @cached_property
    def _by_subject(self) -> Mapping[SubjectKey, tuple[Record, ...]]:
        groups: dict[SubjectKey, list[Record]] = {}
        for item in self.records:
            groups.setdefault(self.subject_of(item), []).append(item)
        return {key: tuple(group) for key, group in groups.items()}


@checked_dataclass(frozen=True, config=FROZEN)
class Header:
    """``dataset.json``: everything about a dataset but its records.

    ``arms`` lists the subject paths of each arm, so that no path is written twice.
    """

    name: str
    levels: tuple[str, ...]
    subject_level: int
    forms: tuple[str, ...]
    seed: int
    arms: Mapping[Arm, tuple[SubjectKey, ...]]
    counts: Mapping[str, int]
    schema: Literal["expunge.dataset/1"] = "expunge.dataset/1"

    def arm_of(self) -> dict[SubjectKey, Arm]:
        """Return the arm of every data subject."""
        return {key: arm for arm, keys in self.arms.items() for key in keys}


_HEADER: TypeAdapter[Header] = TypeAdapter(Header)


def write_dataset(folder: Path, dataset: Dataset) -> None:
    """Write the dataset's files into ``folder``, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    header = Header(
        dataset.name,
        dataset.levels,
        dataset.subject_level,
        dataset.forms,
        dataset.seed,
        {arm: dataset.subjects(arm) for arm in Arm},
        dataset.counts(),
    )
    write_records(folder / RECORDS_FILE, dataset.records)
    if dataset.assignment is None:
        (folder / ASSIGNMENT_FILE).unlink(missing_ok=True)
    else:
        flips = ASSIGNMENT.dump_python(dataset.assignment, mode="json")
        write_json(folder / ASSIGNMENT_FILE, flips)
    # The header comes last: a folder with a header is a whole dataset.
    write_json(folder / HEADER_FILE, _HEADER.dump_python(header, mode="json"))


def read_header(folder: Path) -> Header:
    """Read ``dataset.json`` alone; raises :class:`DatasetError` when it is missing or malformed."""
    path = folder / HEADER_FILE
    if not path.is_file():
        message = f"{folder.name} holds no {HEADER_FILE}"
        raise DatasetError(message)
    try:
        header = _HEADER.validate_python(read_json(path))
    except ValueError as error:
        message = f"{HEADER_FILE} in {folder.name} is not a dataset header"
        raise DatasetError(message) from error
    _check_header(header.levels, header.subject_level, header.forms)
    return header


def read_dataset(folder: Path) -> Dataset:
    """Read a dataset folder whole; raises :class:`DatasetError` or ``ValueError``."""
    header = read_header(folder)
    path = folder / ASSIGNMENT_FILE
    flips = ASSIGNMENT.validate_python(read_json(path)) if path.is_file() else None
    return Dataset(
        header.name,
        header.levels,
        header.subject_level,
        header.forms,
        header.seed,
        tuple(stream_records(folder)),
        header.arm_of(),
        flips,
    )


def stream_records(folder: Path, arm: Arm | None = None) -> Iterator[Record]:
    """Yield the records of a dataset folder one by one, of one arm or of all."""
    path = folder / RECORDS_FILE
    if not path.is_file():
        message = f"{folder.name} holds no {RECORDS_FILE}"
        raise DatasetError(message)
    if arm is None:
        yield from read_records(path)
        return
    header = read_header(folder)
    wanted = frozenset(header.arms.get(arm, ()))
    for item in read_records(path):
        if item.subject(header.subject_level) in wanted:
            yield item


def _check_header(levels: tuple[str, ...], subject_level: int, forms: tuple[str, ...]) -> None:
    if not levels or len(set(levels)) != len(levels):
        message = "a dataset needs at least one level, and no level twice"
        raise DatasetError(message)
    if not 0 <= subject_level < len(levels):
        message = f"the subject level {subject_level} is none of the {len(levels)} levels"
        raise DatasetError(message)
    if not forms:
        message = "the dataset names no trained form"
        raise DatasetError(message)


def _check_records(dataset: Dataset) -> None:
    """Check each record; sentences count records from 1 and never quote them."""
    seen: set[str] = set()
    trained_forms = frozenset(dataset.forms)
    for number, item in enumerate(dataset.records, start=1):
        if item.id in seen:
            message = f"record {number} has the id of an earlier record"
        elif len(item.path) != len(dataset.levels):
            message = f"record {number} has {len(item.path)} levels, not {len(dataset.levels)}"
        elif dataset.subject_of(item) not in dataset.arms:
            message = f"record {number} belongs to a data subject without an arm"
        elif trained_forms.isdisjoint(item.forms):
            message = f"record {number} has no trained form"
        else:
            seen.add(item.id)
            continue
        raise DatasetError(message)
