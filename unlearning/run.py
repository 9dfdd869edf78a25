"""One job folder, from ``job.json`` to ``result.json``.

Whatever happens short of a kill, ``result.json`` is written: completed with a model, or failed
with a code and a sentence. The model appears in its place only when it is whole.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError

from contract.event import EventLog
from contract.job import ModelRef, UnlearningJob, read_job
from contract.manifest import folder_digest
from contract.result import ErrorCode, JobError, Result, write_result
from contract.running import failure_of, terminate_sets
from unlearning import registry, train
from unlearning.engine import processes
from unlearning.spec import CHECKPOINT_SECONDS, Context, Outcome
from verification.families import device_for

WORK = "work"
PARTIAL = "partial"
PACKAGES = ("torch", "transformers", "peft", "tokenizers")


def run(folder: Path, *, checkpoint_seconds: float = CHECKPOINT_SECONDS) -> int:
    """Run the job of a folder; returns the exit code (0 completed, 1 failed with a result)."""
    began = time.monotonic()
    stop = threading.Event()
    try:
        with terminate_sets(stop):
            job = _read(folder)
            result = _run(folder, job, stop, checkpoint_seconds)
    except BaseException as error:  # noqa: BLE001 - the result must say so, whatever it was
        result = _failed(folder, error)
    if processes.rank() > 0:  # the first of several processes writes
        return 0 if result.status == "completed" else 1
    result = _stamped(result, time.monotonic() - began)
    write_result(folder, result)
    return 0 if result.status == "completed" else 1


def _run(folder: Path, job: UnlearningJob, stop: threading.Event, seconds: float) -> Result:
    device = device_for(job.device)
    context = _context(folder, job, device, stop, seconds)
    torch.manual_seed(job.seed)
    outcome, settings, effect = _apply(context)
    context.check_cancelled()
    processes.wait()
    model = _put_in_place(context, outcome) if processes.rank() == 0 else None
    return Result(
        method=job.method,
        status="completed",
        effect=effect,
        model=model,
        settings=settings,
        metrics={**outcome.metrics, **_peak_memory(device)},
        notes=(*context.notes, *outcome.notes),
        seed=job.seed,
        device=str(device),
    )


def _context(
    folder: Path, job: UnlearningJob, device: torch.device, stop: threading.Event, seconds: float
) -> Context:
    """Make room for the job; of several processes each but the first has a corner of its own."""
    rank = processes.rank()
    work = folder / WORK / f"process-{rank}" if rank else folder / WORK
    output = work / PARTIAL
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    events = EventLog(work if rank else folder)
    return Context(folder, job, device, events, output, work, stop, seconds)


def _put_in_place(context: Context, outcome: Outcome) -> ModelRef:
    job = context.job
    final = context.folder / job.output
    shutil.rmtree(final, ignore_errors=True)
    context.output.rename(final)
    model = ModelRef(job.output, folder_digest(final), layout=outcome.layout)
    shutil.rmtree(context.work)
    context.events.emit("finished", "the model is written")
    return model


def _apply(context: Context) -> tuple[Outcome, Mapping[str, Any], Any]:
    """Check the job, then train or apply its method; returns the resolved settings too."""
    job = context.job
    if job.method == train.NAME:
        adapter = TypeAdapter(train.Settings)
        settings = registry.parse_settings(adapter, job.settings)
        return train.train(context, settings), adapter.dump_python(settings, mode="json"), None
    methods = registry.methods()
    if job.method not in methods:
        raise registry.unknown(job.method, (train.NAME, *methods))
    method = methods[job.method]
    values = registry.parse_settings(method.settings, job.settings)
    method.check(context)
    _check_model(context)
    _check_data(context)
    outcome = method.apply(context, values)
    return outcome, method.settings.dump_python(values, mode="json"), method.card.effect


def _read(folder: Path) -> UnlearningJob:
    try:
        return read_job(folder, UnlearningJob)
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, item["loc"])) for item in error.errors()}))
        message = f"job.json is not a valid unlearning job (look at: {fields})"
        raise JobError(ErrorCode.BAD_JOB, message) from error
    except ValueError as error:
        raise JobError(ErrorCode.BAD_JOB, f"job.json cannot be read: {error}") from error


def _check_model(context: Context) -> None:
    context.events.emit("checking", "comparing the model with its digest")
    try:
        digest = folder_digest(context.model_path)
    except FileNotFoundError as error:
        message = "the model folder is missing or empty; restore it from the model's artifact"
        raise JobError(ErrorCode.MODEL_MISSING, message) from error
    if digest != context.model.digest:
        message = (
            "the model's files are not those that were registered: the digest differs; "
            "register the changed model as a version of its own"
        )
        raise JobError(ErrorCode.MODEL_CHANGED, message)


def _check_data(context: Context) -> None:
    """Refuse an empty scope and records that are to be kept and forgotten at once."""
    forget = {record.id for record in context.records("forget")}
    if not forget:
        message = "the scope of this job matches no record; there is nothing to forget"
        raise JobError(ErrorCode.EMPTY_FORGET_SET, message)
    retain = context.records("retain") if context.has("retain") else ()
    if any(record.id in forget for record in retain):
        message = "some records are in the forget set and in the retain set; keep them in one"
        raise JobError(ErrorCode.BAD_JOB, message)


def _peak_memory(device: torch.device) -> dict[str, float]:
    if device.type != "cuda":
        return {}
    return {"peak_memory_bytes": float(torch.cuda.max_memory_allocated(device))}


def _failed(folder: Path, error: BaseException) -> Result:
    """Turn an exception into a failed result, and make room for it on a full disk."""
    failure = failure_of(error)
    if failure.code is ErrorCode.DISK_FULL:
        shutil.rmtree(folder / WORK, ignore_errors=True)
    shutil.rmtree(folder / WORK / PARTIAL, ignore_errors=True)
    method, seed = "unknown", 0
    with suppress(JobError):
        job = _read(folder)
        method, seed = job.method, job.seed
    return Result(method=method, status="failed", failure=failure, seed=seed)


def _stamped(result: Result, seconds: float) -> Result:
    """Return the result with its wall-clock time and the versions it ran on."""
    return replace(
        result, seconds=seconds, versions={package: version(package) for package in PACKAGES}
    )
