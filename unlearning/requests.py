"""Several deletion requests to one model, one after the other or in batches.

Two ways to answer request k:

* ``reapply``: from the model before any request, over the union of requests 1 to k. Nothing
  adds up that should not; each request costs what all of them together cost. The safe rule for
  every method that is not exact.
* ``continue``: from the model that request k - 1 left, over request k alone. Damage can add up, and
  what an earlier request suppressed may come back while a later one trains; how much depends on
  the method (``benchmarks/sequential.py``). Exact routes may always go this way.

Requests that wait together are best answered together: :func:`batched` joins them. Every answer
is an ordinary job folder (``01``, ``02``, ...) that can be looked at, resumed and verified.

    steps = apply_requests(folder, job, trained, requests, mode="reapply")

``job`` is the job for the model before any request; its data names what every job may use besides
(``calibration``, ``public``), as files in ``folder/data``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from contract.job import ModelRef, UnlearningJob, read_job, write_job
from contract.record import Record, read_records, write_records
from contract.result import ErrorCode, JobError, Result, read_result
from unlearning.run import run

Mode = Literal["reapply", "continue"]
Request = Sequence[Record]


@dataclass(frozen=True)
class Step:
    """One answered request: its job folder, its result and the model that is served from then on.

    The path of the model is absolute.
    """

    folder: Path
    result: Result
    model: ModelRef


def batched(requests: Sequence[Request], size: int) -> list[tuple[Record, ...]]:
    """Join each ``size`` requests to one, in order."""
    return [
        tuple(record for request in requests[first : first + size] for record in request)
        for first in range(0, len(requests), size)
    ]


def apply_requests(
    folder: Path,
    job: UnlearningJob,
    trained: Sequence[Record],
    requests: Sequence[Request],
    *,
    mode: Mode,
) -> list[Step]:
    """Answer the requests in order; raises the :class:`JobError` of the first that fails.

    ``trained`` are the records the job's model was trained on, those of the requests among them.
    Steps that are done already are not done again.
    """
    return list(steps(folder, job, trained, requests, mode=mode))


def steps(
    folder: Path,
    job: UnlearningJob,
    trained: Sequence[Record],
    requests: Sequence[Request],
    *,
    mode: Mode,
) -> Iterator[Step]:
    """As :func:`apply_requests`, one step at a time."""
    if job.model is None:
        message = "requests are answered from a model, and the job names none"
        raise JobError(ErrorCode.BAD_JOB, message)
    clean = replace(job.model, path=str((folder / job.model.path).resolve()))
    gone: list[Record] = []
    last = clean
    for number, request in enumerate(requests, start=1):
        before = {record.id for record in gone}
        gone += [record for record in request if record.id not in before]
        forget = gone if mode == "reapply" else gone[len(before) :]
        away = {record.id for record in gone}
        kept = [record for record in trained if record.id not in away]
        home = folder / f"{number:02d}"
        begun = replace(job, model=clean if mode == "reapply" else last)
        step = _answered(home, begun, forget, kept)
        last = step.model
        yield step


def _answered(
    folder: Path, job: UnlearningJob, forget: Sequence[Record], kept: Sequence[Record]
) -> Step:
    if not _done(folder, job, forget, kept):
        _prepare(folder, job, forget, kept)
        run(folder)
    result = read_result(folder)
    if result.failure is not None or result.model is None:
        failure = result.failure
        code = failure.code if failure else ErrorCode.CRASHED
        raise JobError(code, f"request {folder.name}: {failure.message if failure else 'no model'}")
    served = replace(result.model, path=str((folder / result.model.path).resolve()))
    return Step(folder, result, served)


def _done(
    folder: Path, job: UnlearningJob, forget: Sequence[Record], kept: Sequence[Record]
) -> bool:
    """Say whether the folder holds the finished answer to this very job on these records."""
    try:
        same = (
            read_job(folder, UnlearningJob) == job
            and list(read_records(folder / job.data.forget)) == list(forget)
            and list(read_records(folder / job.data.retain)) == list(kept)
        )
        return same and read_result(folder).status == "completed"
    except (FileNotFoundError, ValueError):
        return False


def _prepare(
    folder: Path, job: UnlearningJob, forget: Sequence[Record], kept: Sequence[Record]
) -> None:
    """Write the job folder; the files that all requests share are linked, not copied."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    write_records(folder / job.data.forget, forget)
    write_records(folder / job.data.retain, kept)
    for relative in (job.data.calibration, job.data.public):
        if relative is not None and (folder.parent / relative).is_file():
            _link(folder.parent / relative, folder / relative)
    write_job(folder, job)


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
