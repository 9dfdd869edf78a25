from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.canonical import read_json, write_json
from contract.event import read_events
from contract.job import ModelRef, UnlearningJob, read_job, write_job
from contract.manifest import folder_digest
from contract.record import Record
from contract.result import ErrorCode, read_result
from contract.running import failure_of

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from unlearning.__main__ import main
sys.exit(main(["run", sys.argv[1], "--checkpoint-every", sys.argv[2]]))
"""


def start(folder: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "unlearning", "run", str(folder), *more]
    return subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE)


def wait_for_step(folder: Path, process: subprocess.Popen[bytes], step: int = 1) -> None:
    """Wait until the job has reported a step of a phase that counts."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        events, _ = read_events(folder)
        if any(event.total and event.done >= step for event in events):
            return
        time.sleep(0.05)
    pytest.fail("the job never reported a step")


def change(folder: Path, **changes: Any) -> Path:
    write_job(folder, replace(read_job(folder, UnlearningJob), **changes))
    return folder


def longer(folder: Path, epochs: int) -> Path:
    recipe = read_job(folder, UnlearningJob).recipe
    return change(folder, recipe=replace(recipe, epochs=epochs))


def test_an_unknown_method_is_refused_with_the_nearest_name(
    whole: Any, make_job: Any, failed: Any
) -> None:
    failure = failed(make_job("np0", whole)).failure
    assert failure.code is ErrorCode.BAD_JOB
    assert "did you mean 'npo'?" in failure.message


def test_a_setting_nobody_knows_is_refused_by_name(whole: Any, make_job: Any, failed: Any) -> None:
    failure = failed(make_job("npo", whole, {"betta": 0.1})).failure
    assert failure.code is ErrorCode.BAD_JOB and "betta" in failure.message


def test_a_missing_model_is_said_to_be_missing(
    whole: Any, make_job: Any, tmp_path: Path, failed: Any
) -> None:
    nowhere = ModelRef(str(tmp_path / "nowhere"), whole.ref.digest)
    assert failed(make_job("npo", whole, model=nowhere)).failure.code is ErrorCode.MODEL_MISSING


def test_a_changed_model_is_refused(whole: Any, make_job: Any, failed: Any) -> None:
    other = replace(whole.ref, digest="sha256:" + "0" * 64)
    failure = failed(make_job("npo", whole, model=other)).failure
    assert failure.code is ErrorCode.MODEL_CHANGED and "digest differs" in failure.message


def test_a_folder_that_is_no_model_is_not_opened(
    whole: Any, make_job: Any, tmp_path: Path, failed: Any
) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "readme.txt").write_text("no model here")
    odd = ModelRef(str(tmp_path / "odd"), folder_digest(tmp_path / "odd"))
    assert failed(make_job("npo", whole, model=odd)).failure.code is ErrorCode.MODEL_MISSING


def test_a_job_without_a_model_is_refused(whole: Any, make_job: Any, failed: Any) -> None:
    folder = change(make_job("npo", whole), model=None)
    assert failed(folder).failure.code is ErrorCode.BAD_JOB


def test_an_empty_scope_is_refused(whole: Any, make_job: Any, failed: Any) -> None:
    failure = failed(make_job("npo", whole, forget=[])).failure
    assert failure.code is ErrorCode.EMPTY_FORGET_SET


def test_missing_records_are_named_by_their_kind(whole: Any, make_job: Any, failed: Any) -> None:
    folder = make_job("npo", whole)
    (folder / "data" / "retain.jsonl").unlink()
    failure = failed(folder).failure
    assert failure.code is ErrorCode.DATA_MISSING and "retain" in failure.message


def test_records_without_a_trained_form_cannot_be_forgotten(
    whole: Any, make_job: Any, failed: Any
) -> None:
    bare = [Record("r", ("clinic", "patient"), {})]
    assert failed(make_job("npo", whole, forget=bare)).failure.code is ErrorCode.DATA_MISSING


def test_a_record_cannot_be_kept_and_forgotten(
    whole: Any, clinic: Any, make_job: Any, failed: Any
) -> None:
    folder = make_job("npo", whole, retain=[*clinic.retain, clinic.forget[0]])
    failure = failed(folder).failure
    assert failure.code is ErrorCode.BAD_JOB and clinic.forget[0].id not in failure.message


def test_a_line_that_is_no_record_is_refused_without_quoting_it(
    whole: Any, make_job: Any, failed: Any
) -> None:
    folder = make_job("npo", whole)
    (folder / "data" / "forget.jsonl").write_text('{"id": "secret"}\n')
    failure = failed(folder).failure
    assert failure.code is ErrorCode.BAD_JOB
    assert "line 1" in failure.message and "secret" not in failure.message


@pytest.mark.parametrize("text", ["", "{", '{"method": "npo"}', '{"recipe": NaN}'])
def test_a_broken_job_file_still_gets_a_result(text: str, tmp_path: Path, failed: Any) -> None:
    (tmp_path / "job.json").write_text(text)
    assert failed(tmp_path).failure.code is ErrorCode.BAD_JOB


def test_an_empty_folder_still_gets_a_result(tmp_path: Path, failed: Any) -> None:
    assert failed(tmp_path).failure.code is ErrorCode.BAD_JOB


def test_a_job_of_another_version_is_refused(whole: Any, make_job: Any, failed: Any) -> None:
    folder = make_job("npo", whole)
    content = read_json(folder / "job.json")
    write_json(folder / "job.json", {**content, "schema": "expunge.unlearning-job/9"})
    failure = failed(folder).failure
    assert failure.code is ErrorCode.BAD_JOB and "schema" in failure.message


@pytest.mark.parametrize("twins", [True, False])
def test_training_that_diverges_says_so(
    *, twins: bool, whole: Any, make_job: Any, failed: Any
) -> None:
    given = {} if twins else {"calibration": []}
    failure = failed(make_job("npo", whole, {"learning_rate": 1e30}, **given)).failure
    assert failure.code is ErrorCode.DIVERGED and "smaller learning rate" in failure.message


def test_a_failed_job_leaves_no_half_of_a_model(whole: Any, make_job: Any, failed: Any) -> None:
    folder = make_job("npo", whole, {"learning_rate": 1e30}, calibration=[])
    failed(folder)
    assert not (folder / "output").exists() and not (folder / "work" / "partial").exists()


def test_an_unexpected_error_is_a_crash_that_quotes_nothing(
    whole: Any,
    make_job: Any,
    failed: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def explode(*_: object, **__: object) -> None:
        message = "Ada Novak, room B12"
        raise ValueError(message)

    monkeypatch.setattr("unlearning.models.load_model", explode)
    folder = make_job("npo", whole)
    failure = failed(folder).failure
    assert failure.code is ErrorCode.CRASHED and "ValueError" in failure.message
    assert "Novak" not in (folder / "result.json").read_text() + capsys.readouterr().err


def test_memory_that_runs_out_is_told_from_a_crash() -> None:
    assert failure_of(MemoryError()).code is ErrorCode.OUT_OF_MEMORY
    cpu = RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.")
    assert failure_of(cpu).code is ErrorCode.OUT_OF_MEMORY


@pytest.mark.training
def test_events_and_result_hold_no_record_text(
    whole: Any, clinic: Any, make_job: Any, completed: Any
) -> None:
    folder = make_job("npo", whole, {"steps": 5})
    completed(folder)
    text = (folder / "events.jsonl").read_text() + (folder / "result.json").read_text()
    for record in clinic.forget:
        assert record.id not in text and record.path[1] not in text


@pytest.mark.crash
@pytest.mark.training
def test_a_killed_job_resumes_to_the_result_of_an_unbroken_one(
    whole: Any, make_job: Any, completed: Any
) -> None:
    straight = completed(longer(make_job("retrain", whole, name="straight"), 40))
    folder = longer(make_job("retrain", whole, name="killed"), 40)
    process = start(folder, "--checkpoint-every", "0")
    wait_for_step(folder, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (folder / "result.json").exists()
    result = completed(folder)
    events, _ = read_events(folder)
    assert "resumed from a checkpoint" in [event.message for event in events]
    assert result.model.digest == straight.model.digest


@pytest.mark.crash
def test_a_cancelled_job_says_so_and_can_be_run_again(
    whole: Any, make_job: Any, completed: Any
) -> None:
    folder = longer(make_job("retrain", whole), 100_000)
    process = start(folder)
    wait_for_step(folder, process)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 1
    assert read_result(folder).failure.code is ErrorCode.CANCELLED
    assert not (folder / "output").exists()
    completed(longer(folder, 2))


@pytest.mark.crash
@pytest.mark.parametrize("checkpoint", ["0", "1000"])
def test_a_full_disk_is_told_from_a_crash(checkpoint: str, whole: Any, make_job: Any) -> None:
    folder = longer(make_job("retrain", whole), 2)
    process = subprocess.run(
        [sys.executable, "-c", LIMITED, str(folder), checkpoint],
        env={**ENVIRONMENT, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=False,
    )
    assert process.returncode == 1, process.stderr
    failure = read_result(folder).failure
    assert failure.code is ErrorCode.DISK_FULL and "free space" in failure.message
    assert not (folder / "output").exists() and not (folder / "work").exists()
