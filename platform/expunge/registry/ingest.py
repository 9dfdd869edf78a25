"""Reading a dataset folder into the registry, record by record and in bulk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _
from pydantic import ValidationError

from contract.canonical import digest_json, read_json
from contract.manifest import folder_digest
from contract.record import Record as RecordText
from contract.record import record_to_json
from corpora.assignment import ASSIGNMENT, Arm, SubjectKey
from corpora.dataset import ASSIGNMENT_FILE, DatasetError, Header, read_header, stream_records
from expunge.common.bulk import copy_rows
from expunge.common.errors import InvalidInputError
from expunge.registry.counts import counts_write
from expunge.registry.models import DatasetVersion, Record
from expunge.registry.tree import BATCH, TreeBuilder


@dataclass(frozen=True)
class DatasetFacts:
    """What a dataset folder says about itself, and its digests."""

    header: Header
    digest: str
    assignment_digest: str


def read_facts(folder: Path) -> DatasetFacts:
    """Read header and coin flips; raises ``dataset_unusable`` when they do not hold together."""
    try:
        header = read_header(folder)
        return DatasetFacts(header, folder_digest(folder), _assignment_digest(folder, header))
    except (DatasetError, ValidationError) as error:
        raise unusable(error) from error


def load_records(folder: Path, header: Header, version: DatasetVersion) -> None:
    """Store the records of a folder and the tree above them.

    Raises:
        InvalidInputError: ``dataset_unusable``; the sentence counts records and quotes none.
    """
    tree = TreeBuilder(version.dataset)
    batch: list[Record] = []
    for position, (text, arm) in enumerate(_checked(folder, header)):
        batch.append(
            Record(
                version=version,
                node_id=tree.node(text.path),
                key=text.id,
                position=position,
                digest=digest_json(record_to_json(text)),
                arm=arm,
            )
        )
        if len(batch) >= BATCH:
            copy_rows(Record, batch)
            batch = []
    copy_rows(Record, batch)
    tree.flush()
    counts_write(version.dataset)


def unusable(error: Exception) -> InvalidInputError:
    """Say why a dataset folder cannot be registered, without a word of its records."""
    reason = str(error) if isinstance(error, DatasetError) else "a file does not have its form"
    return InvalidInputError(
        "dataset_unusable",
        _("This dataset cannot be registered: %(reason)s.") % {"reason": reason},
        field="uri",
    )


def _checked(folder: Path, header: Header) -> Iterator[tuple[RecordText, str]]:
    arms = header.arm_of()
    seen: set[str] = set()
    try:
        for number, text in enumerate(stream_records(folder), start=1):
            if text.id in seen:
                message = f"record {number} has the id of an earlier record"
                raise DatasetError(message)
            seen.add(text.id)
            yield text, _arm(number, text, header, arms)
        if len(seen) != header.counts.get("records"):
            message = f"it holds {len(seen)} records, and its header states another number"
            raise DatasetError(message)
    except ValueError as error:
        raise unusable(error) from error


def _arm(number: int, text: RecordText, header: Header, arms: Mapping[SubjectKey, Arm]) -> str:
    if len(text.path) != len(header.levels):
        message = f"record {number} has {len(text.path)} levels, not {len(header.levels)}"
        raise DatasetError(message)
    arm = arms.get(text.subject(header.subject_level))
    if arm is None:
        message = f"record {number} belongs to a data subject without an arm"
        raise DatasetError(message)
    return str(arm)


def _assignment_digest(folder: Path, header: Header) -> str:
    """Return the digest of the coin flips; without any, of the arms the header states."""
    path = folder / ASSIGNMENT_FILE
    if not path.is_file():
        stated = {str(arm): [list(key) for key in keys] for arm, keys in header.arms.items()}
        return digest_json(stated)
    assignment = ASSIGNMENT.validate_python(read_json(path))
    arms = header.arm_of()
    if any(arms.get(key, arm) != arm for key, arm in assignment.arms().items()):
        message = "the recorded coin flips give other arms than the header"
        raise DatasetError(message)
    if not assignment.replays():
        message = "the recorded coin flips do not follow from their seed"
        raise DatasetError(message)
    return assignment.digest
