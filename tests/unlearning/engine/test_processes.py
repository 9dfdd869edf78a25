"""Two real processes over gloo train what one does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from contract.event import read_events
from contract.record import write_records
from contract.result import ErrorCode
from tests.unlearning.engine import together
from unlearning.__main__ import main

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
TWO = ("-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone")


def started(*command: str) -> str:
    whole = [sys.executable, *command]
    done = subprocess.run(
        whole, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.training
def test_two_processes_train_what_one_does_and_resume_where_they_were(tmp_path: Path) -> None:
    started(*TWO, together.__file__, str(tmp_path))
    first, second = (
        json.loads((tmp_path / str(rank) / "found.json").read_text()) for rank in (0, 1)
    )
    for kind in together.KINDS:
        alone = together.train(kind, tmp_path / "alone" / kind)
        assert first[kind]["before"] == pytest.approx(alone["before"], abs=1e-4)
        assert first[kind]["losses"] == second[kind]["losses"]
        assert first[kind]["losses"] == pytest.approx(alone["losses"], abs=1e-5)
        shared = {name: alone["sums"][name] for name in first[kind]["sums"]}
        assert first[kind]["sums"] == pytest.approx(shared, rel=1e-4)
        assert second[kind]["sums"] == {}
    events, _ = read_events(tmp_path / "1" / "llama")
    assert [event.done for event in events if event.message == "resumed from a checkpoint"] == [2]


@pytest.mark.training
def test_a_job_file_in_two_processes_makes_the_model_that_one_makes(
    tmp_path: Path, whole: Any, clinic: Any
) -> None:
    write_records(tmp_path / "person.jsonl", clinic.forget)
    write_records(tmp_path / "others.jsonl", clinic.retain)
    job = {"model": str(whole.path), "records": "person.jsonl", "retain": "others.jsonl"}
    for name in ("one", "two"):
        content = {**job, "settings": {"steps": 3}, "device": "cpu", "output": name}
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    assert main(["run", str(tmp_path / "one.json")]) == 0
    said = started(*TWO, "-m", "unlearning", "run", str(tmp_path / "two.json"))
    assert said.count("the model is in") == 1
    alone, together_ = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert alone.keys() == together_.keys()
    assert max(float((alone[name] - together_[name]).abs().max()) for name in alone) < 1e-5
    assert [item.name for item in tmp_path.iterdir() if item.name.startswith(".")] == []


def test_a_method_that_works_in_one_process_says_so(
    whole: Any, make_job: Any, failed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    failure = failed(make_job("undo", whole)).failure
    assert failure.code is ErrorCode.NOT_SUPPORTED and "one process" in failure.message
