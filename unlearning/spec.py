"""What a method sees (its context) and what it gives back (its outcome).

The types of the job itself are those of :mod:`contract.job`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from contract.canonical import digest_json, read_json
from contract.event import EventLog
from contract.job import JOB_FILE, Layout, ModelRef, UnlearningJob
from contract.record import Record, read_records
from contract.result import ErrorCode, JobError

DataName = Literal["forget", "retain", "calibration", "public"]

CHECKPOINT_SECONDS = 20.0


@dataclass(frozen=True)
class Outcome:
    """What a method made in :attr:`Context.output`.

    ``metrics`` are finite numbers; ``notes`` are sentences for the reader of the result, without
    a record's text.
    """

    layout: Layout
    metrics: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """Everything a method may use.

    ``output`` is an empty folder to write the model into; ``work`` keeps checkpoints and caches
    of this job between runs. ``stop`` is set when the job is cancelled. ``notes`` collects
    sentences for the reader of the result, besides those of the outcome.
    """

    folder: Path
    job: UnlearningJob
    device: torch.device
    events: EventLog
    output: Path
    work: Path
    stop: threading.Event
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Say something to the reader of the result, once; never a record's text."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    @property
    def model(self) -> ModelRef:
        """Return the model to work on; raises ``BAD_JOB`` when the job names none."""
        if self.job.model is None:
            message = f"the method {self.job.method!r} needs a model, and the job names none"
            raise JobError(ErrorCode.BAD_JOB, message)
        return self.job.model

    @property
    def model_path(self) -> Path:
        """Return the folder of the model to work on."""
        return self.folder / self.model.path

    @property
    def fingerprint(self) -> str:
        """Return the digest of the job, so that a changed job never resumes an old one's work."""
        return digest_json(read_json(self.folder / JOB_FILE))

    def has(self, name: DataName) -> bool:
        """Say whether the job names a record file of this kind and the file is there."""
        relative = getattr(self.job.data, name)
        return relative is not None and (self.folder / relative).is_file()

    def records(self, name: DataName) -> tuple[Record, ...]:
        """Read a record file of the job; raises ``DATA_MISSING`` or ``BAD_JOB``."""
        relative = getattr(self.job.data, name)
        if relative is None:
            message = f"the method {self.job.method!r} needs the {name} records; the job names none"
            raise JobError(ErrorCode.DATA_MISSING, message)
        try:
            return self._once(name, read_records(self.folder / relative))
        except FileNotFoundError as error:
            message = f"the file of the {name} records is missing from the job folder"
            raise JobError(ErrorCode.DATA_MISSING, message) from error
        except ValueError as error:
            raise JobError(ErrorCode.BAD_JOB, str(error)) from error

    def _once(self, name: DataName, records: Iterable[Record]) -> tuple[Record, ...]:
        """Return each record once; raises ``BAD_JOB`` when two that differ share an id."""
        found: dict[str, Record] = {}
        repeated = 0
        for record in records:
            if found.setdefault(record.id, record) != record:
                message = f"two different {name} records have the same id; give each its own"
                raise JobError(ErrorCode.BAD_JOB, message)
            repeated += found[record.id] is not record
        if repeated:
            self.note(f"{repeated} of the {name} records were given twice and count once.")
        return tuple(found.values())

    def check_cancelled(self) -> None:
        """Raise ``CANCELLED`` when someone asked the job to stop."""
        if self.stop.is_set():
            raise JobError(ErrorCode.CANCELLED, "the job was cancelled before it finished")
