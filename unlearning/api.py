"""Erase a person from a local model, from Python or from a job file.

:func:`forget` is the whole library in one call: it makes a job folder of what it is given, runs
it, and puts the result in its place. A job file (YAML or JSON) holds the same arguments by the same
names; its relative paths start from the file.
"""

from __future__ import annotations

import difflib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import field, fields, replace
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from contract.job import Device, Layout, ModelRef, Recipe, UnlearningData, UnlearningJob, write_job
from contract.manifest import folder_digest
from contract.record import CALIBRATION_FORM, FROZEN, write_records
from contract.result import ErrorCode, JobError, Result, read_result
from contract.running import NO_SPACE, failure_of
from unlearning.delta import write_delta
from unlearning.engine import processes
from unlearning.given import Records, plain, read
from unlearning.run import run
from unlearning.spec import CHECKPOINT_SECONDS
from verification.families import device_for

Save = Literal["whole", "adapter", "delta"]


@dataclass(frozen=True, config=FROZEN)
class Job:
    """What is asked: the arguments of :func:`forget`, the keys of a job file."""

    model: str
    records: str | Sequence[Any]
    output: str
    retain: str | Sequence[Any] = ()
    calibration: str | Sequence[Any] = ()
    public: str | Sequence[Any] = ()
    method: str = "npo"
    settings: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    lora: int | None = None
    save: Save = "whole"
    layout: Layout = "whole"
    seed: int = 0
    device: Device = "auto"
    work: str | None = None


def forget(model: str | Path, records: Records, output: str | Path, **more: Any) -> Result:
    """Make a model forget records and write the result to the new folder ``output``.

    ``model`` is a local transformers folder, or that of an adapter on a local base. ``more``:
    ``retain`` and ``calibration`` (records to keep, and records of people who were never trained
    on, to know when to stop), ``method`` and its ``settings``, ``lora`` (train an adapter of this
    rank only), ``save`` (``whole``, ``adapter``, or ``delta``: the changed tensors), ``seed``,
    ``device``, ``recipe`` (how the model was trained, for the methods that train anew), ``public``,
    ``layout``, and ``work``, a folder to keep the job in: the same call with the same one resumes.

    Returns the result; raises ``JobError`` with a sentence that says what to do.
    """
    kinds = ("retain", "calibration", "public")
    given = {name: plain(more.pop(name)) for name in kinds if name in more}
    return run_job(
        _parsed(
            {"model": str(model), "records": plain(records), "output": str(output)}
            | given
            | {name: str(item) if isinstance(item, Path) else item for name, item in more.items()}
        )
    )


def read_job_file(path: Path) -> Job:
    """Read a YAML or JSON job file; raises ``BAD_JOB``."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        message = f"there is no job file or job folder {path.name!r}"
        raise JobError(ErrorCode.BAD_JOB, message) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", line {mark.line + 1}"
        message = f"{path.name} cannot be read as YAML or JSON ({type(error).__name__}{where})"
        raise JobError(ErrorCode.BAD_JOB, message) from error
    if not isinstance(content, dict):
        message = f"{path.name} must hold names and values: model, records, output and more"
        raise JobError(ErrorCode.BAD_JOB, message)
    job = _parsed(content)
    here = path.resolve().parent
    paths = ("model", "records", "retain", "calibration", "public", "output", "work")
    found = {name: getattr(job, name) for name in paths}
    placed: dict[str, Any] = {
        name: str(here / item) for name, item in found.items() if isinstance(item, str) and item
    }
    return replace(job, **placed)


def run_job(job: Job, *, checkpoint_seconds: float = CHECKPOINT_SECONDS) -> Result:
    """Run a job in a folder of its own; raises ``JobError`` when it fails."""
    output = Path(job.output).resolve()
    try:
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            message = "the output folder is there already and not empty; name a new one"
            raise JobError(ErrorCode.BAD_JOB, message)
        output.parent.mkdir(parents=True, exist_ok=True)
        if job.work is not None:
            return _run_in(Path(job.work).resolve(), job, output, checkpoint_seconds)
        return _run_apart(job, output, checkpoint_seconds)
    except OSError as error:
        raise _unwritable(error) from error


def _run_apart(job: Job, output: Path, seconds: float) -> Result:
    """Run a job in a private folder that ends with it.

    It is beside the output, so that the result only needs to be renamed, and of several processes
    the first makes it for all.
    """
    first, device = processes.rank() == 0, device_for(job.device)
    made = tempfile.mkdtemp(prefix=".forget-", dir=output.parent) if first else ""
    folder = Path(processes.told(made, device))
    try:
        return _run_in(folder, job, output, seconds)
    finally:
        if first:
            shutil.rmtree(folder, ignore_errors=True)


def _run_in(folder: Path, job: Job, output: Path, seconds: float) -> Result:
    """Run a job in a folder; of several processes, the first writes and reads for all."""
    first, device = processes.rank() == 0, device_for(job.device)
    whole = folder / "result" if job.save == "delta" else output
    model = Path(job.model).resolve()
    if first:
        _write(folder, job, model, whole)
    processes.told(None, device)
    run(folder, checkpoint_seconds=seconds)
    result: Result = processes.told(read_result(folder) if first else None, device)
    if result.failure is not None:
        code, message = result.failure.code, result.failure.message
        if code is ErrorCode.CANCELLED:
            again = "the same call goes on" if job.work else "with a `work` folder it could go on"
            message = f"{message}; {again} where it was"
        raise JobError(code, message)
    if job.save == "delta":
        if first:
            write_delta(model, whole, output)
            shutil.rmtree(whole)
            result = replace(result, model=ModelRef(str(output), folder_digest(output)))
        result = processes.told(result, device)
    return result


def _unwritable(error: OSError) -> JobError:
    """Return what to say of a file that cannot be written or read."""
    if error.errno in NO_SPACE:
        failure = failure_of(error)
        return JobError(failure.code, failure.message)
    name = Path(str(error.filename)).name if error.filename else "a file"
    return JobError(ErrorCode.BAD_JOB, f"{name} cannot be used: {error.strerror}")


def _write(folder: Path, job: Job, model: Path, output: Path) -> None:
    if not model.is_dir() or not any(model.iterdir()):
        message = f"there is no model in a folder {model.name!r}; give the path of a local model"
        raise JobError(ErrorCode.MODEL_MISSING, message)
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    kinds = {
        "forget": job.records,
        "retain": job.retain,
        "calibration": job.calibration,
        "public": job.public,
    }
    calibrated = bool(job.calibration)
    found = {
        kind: read(items, kind, calibrated=calibrated) for kind, items in kinds.items() if items
    }
    for kind, items in found.items():
        write_records(data / f"{kind}.jsonl", items)
    forms = {name for items in found.values() for record in items for name in record.forms}
    recipe = {"forms": sorted(forms - {CALIBRATION_FORM}), **job.recipe}
    write_job(
        folder,
        UnlearningJob(
            job.method,
            _checked(TypeAdapter(Recipe), recipe, "recipe"),
            data=UnlearningData(
                calibration="data/calibration.jsonl" if "calibration" in found else None,
                public="data/public.jsonl" if "public" in found else None,
            ),
            model=ModelRef(str(model), folder_digest(model), layout=job.layout),
            settings=_settings(job),
            seed=job.seed,
            device=job.device,
            output=str(output),
        ),
    )


def _settings(job: Job) -> dict[str, Any]:
    settings = dict(job.settings)
    if job.lora is not None:
        settings["select"] = {"kind": "lora", "rank": job.lora, **settings.get("select", {})}
    if job.save == "adapter":
        settings["engine"] = {**settings.get("engine", {}), "save": "adapter"}
    return settings


def _parsed(content: Mapping[str, Any]) -> Job:
    known = [item.name for item in fields(Job)]
    for name in content:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise JobError(ErrorCode.BAD_JOB, f"a job has no {str(name)!r}; {hint}")
    job: Job = _checked(TypeAdapter(Job), content, "job")
    return job


def _checked(adapter: TypeAdapter[Any], content: Mapping[str, Any], what: str) -> Any:
    try:
        return adapter.validate_python(dict(content))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        places = "; ".join(
            f"{item['loc'][0] if item['loc'] else what}: {item['msg']}" for item in found
        )
        raise JobError(ErrorCode.BAD_JOB, f"the {what} is not valid ({places})") from error
