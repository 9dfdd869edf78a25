"""Does what an unlearning library does, but for the unlearning."""

from __future__ import annotations

import sys
from pathlib import Path

import stage

from contract.catalog import Effect
from contract.event import EventLog
from contract.job import ModelRef, UnlearningJob, read_job
from contract.manifest import folder_digest
from contract.result import ErrorCode, Failure, Result, write_result

EXACT = {"drop_shard", "retrain"}


def main(folder: Path) -> int:
    """Write a model of two small files, or fail as told."""
    job = read_job(folder, UnlearningJob)
    stage.note(f"begin unlearning {job.method}", folder)
    events = EventLog(folder)
    try:
        events.emit("unlearning", "first step", done=1, total=2)
        stage.wait_at("unlearning")
        told = stage.outcome("unlearning", job.method)
        stage.act(told)
        if told != "ok":
            return _fail(folder, job, ErrorCode(told))
        if job.model is None or folder_digest(folder / job.model.path) != job.model.digest:
            return _fail(folder, job, ErrorCode.MODEL_CHANGED)
    except stage.Cancelled:
        return _fail(folder, job, ErrorCode.CANCELLED)
    output = folder / job.output
    output.mkdir(exist_ok=True)
    (output / "config.json").write_text("{}", encoding="utf-8")
    (output / "model.safetensors").write_text(f"{job.method} {job.seed}", encoding="utf-8")
    (output / "method.txt").write_text(job.method, encoding="utf-8")
    effect = Effect.EXACT if job.method in EXACT else Effect.REMOVAL
    model = ModelRef(job.output, folder_digest(output), layout=job.model.layout)
    write_result(folder, Result(job.method, "completed", effect, model, seed=job.seed))
    events.emit("unlearning", "done", done=2, total=2)
    stage.note(f"end unlearning {job.method}", folder)
    return 0


def _fail(folder: Path, job: UnlearningJob, code: ErrorCode) -> int:
    failure = Failure(code, f"The double was told to fail with {code}.")
    write_result(folder, Result(job.method, "failed", failure=failure))
    stage.note(f"failed unlearning {job.method} {code}", folder)
    return 1


if __name__ == "__main__":
    stage.heed_termination()
    sys.exit(main(Path(sys.argv[2])))
