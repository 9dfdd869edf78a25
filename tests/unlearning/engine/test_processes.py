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
from contract.result import ErrorCode, read_result
from tests.unlearning.engine import together
from unlearning.run import run

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
TWO = ("-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone")


def started(*command: str) -> None:
    whole = [sys.executable, *command]
    done = subprocess.run(
        whole, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]


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
def test_a_job_in_two_processes_saves_the_model_that_one_makes(
    tmp_path: Path, whole: Any, make_job: Any
) -> None:
    settings = {"steps": 3, "stop": {"collapse": 50}}
    one, two = (make_job("npo", whole, settings, name=name) for name in ("one", "two"))
    assert run(one) == 0
    started(*TWO, "-m", "unlearning", "run", str(two))
    results = [read_result(folder) for folder in (one, two)]
    assert results[1].status == "completed" and results[1].model is not None
    losses = [result.metrics["forgetting_loss"] for result in results]
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)
    alone, together_ = (load_file(folder / "output/model.safetensors") for folder in (one, two))
    assert alone.keys() == together_.keys()
    assert max(float((alone[name] - together_[name]).abs().max()) for name in alone) < 1e-5


def test_a_method_that_works_in_one_process_says_so(
    whole: Any, make_job: Any, failed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    failure = failed(make_job("undo", whole)).failure
    assert failure.code is ErrorCode.NOT_SUPPORTED and "one process" in failure.message
