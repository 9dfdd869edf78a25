"""``result.json``: what an unlearning or training job made, or why it did not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from contract.canonical import read_json, write_json
from contract.catalog import Effect
from contract.job import ModelRef
from contract.record import FROZEN

RESULT_FILE = "result.json"


class ErrorCode(StrEnum):
    """Why a job could not be done; each has one sentence of help in the platform."""

    BAD_JOB = "bad_job"
    MODEL_MISSING = "model_missing"
    MODEL_CHANGED = "model_changed"
    DATA_MISSING = "data_missing"
    EMPTY_FORGET_SET = "empty_forget_set"
    NOT_SUPPORTED = "not_supported"
    DIVERGED = "diverged"
    DISK_FULL = "disk_full"
    OUT_OF_MEMORY = "out_of_memory"
    CANCELLED = "cancelled"
    CRASHED = "crashed"


class JobError(Exception):
    """A job that cannot go on, with a code and a sentence that says what to do.

    The sentence never holds a record's text or a person's name.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, config=FROZEN)
class Failure:
    """A :class:`JobError` as data."""

    code: ErrorCode
    message: str


@dataclass(frozen=True, config=FROZEN)
class Result:
    """The outcome of one unlearning or training run.

    ``settings`` are the resolved settings, defaults included; ``metrics`` holds finite numbers
    (steps, losses, forward passes, peak memory in bytes); ``seconds`` is wall-clock time.
    """

    method: str
    status: Literal["completed", "failed"]
    effect: Effect | None = None
    model: ModelRef | None = None
    failure: Failure | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seed: int = 0
    seconds: float = 0.0
    device: str = "cpu"
    versions: Mapping[str, str] = field(default_factory=dict)
    schema: Literal["expunge.result/1"] = "expunge.result/1"


_ADAPTER: TypeAdapter[Result] = TypeAdapter(Result)


def write_result(folder: Path, result: Result) -> None:
    """Write ``result.json`` into the attempt folder."""
    write_json(folder / RESULT_FILE, _ADAPTER.dump_python(result, mode="json"))


def read_result(folder: Path) -> Result:
    """Read ``result.json``; raises ``ValueError`` or ``FileNotFoundError``."""
    return _ADAPTER.validate_python(read_json(folder / RESULT_FILE))
