from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from contract.event import EventLog, read_events
from contract.job import Recipe, UnlearningJob, write_job
from contract.result import ErrorCode, JobError
from unlearning.loop import Phase, Schedule, fit
from unlearning.spec import Context


def context(folder: Path, seed: int = 0, seconds: float = 0.0) -> Context:
    job = UnlearningJob("train", Recipe(), seed=seed)
    folder.mkdir(exist_ok=True)
    write_job(folder, job)
    return Context(
        folder,
        job,
        torch.device("cpu"),
        EventLog(folder),
        folder,
        folder,
        threading.Event(),
        seconds,
    )


def line() -> nn.Linear:
    module = nn.Linear(1, 1)
    nn.init.zeros_(module.weight)
    nn.init.zeros_(module.bias)
    return module


def squares(module: nn.Linear, before: Callable[[int], object]) -> Callable[[int], Tensor]:
    def loss(step: int) -> Tensor:
        before(step)
        x = torch.tensor([[float(step % 3)]])
        return (module(x) - 2 * x - 1).square().mean()

    return loss


def phase(module: nn.Linear, steps: int = 40, before: Callable[[int], object] = int) -> Phase:
    return Phase("fitting", module, Schedule(steps, 0.1, warmup=4), squares(module, before))


def test_warm_up_rises_and_the_cosine_falls() -> None:
    schedule = Schedule(100, 1.0, warmup=10)
    rates = [schedule.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(1.0)
    assert rates[9] == rates[10] == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True) and rates[-1] < 0.06


def test_an_interrupted_phase_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    straight = line()
    fit(context(tmp_path / "straight"), phase(straight))

    def pull_the_plug(step: int) -> None:
        if step == 17:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fit(context(tmp_path / "broken"), phase(line(), before=pull_the_plug))
    resumed, seen = line(), []
    fit(context(tmp_path / "broken"), phase(resumed, before=seen.append))
    assert seen[0] == 17
    assert torch.equal(resumed.weight, straight.weight)
    events, _ = read_events(tmp_path / "broken")
    assert "resumed from a checkpoint" in [event.message for event in events]


def test_a_finished_phase_is_not_run_again(tmp_path: Path) -> None:
    first, again, seen = line(), line(), []
    done = fit(context(tmp_path), phase(first))
    assert fit(context(tmp_path), phase(again, before=seen.append)).steps == done.steps
    assert seen == [] and torch.equal(first.weight, again.weight)


def test_a_changed_job_does_not_resume_the_old_ones_work(tmp_path: Path) -> None:
    fit(context(tmp_path, seed=0), phase(line()))
    seen: list[int] = []
    fit(context(tmp_path, seed=1), phase(line(), before=seen.append))
    assert seen[0] == 0


def test_a_loss_that_is_not_a_number_is_a_divergence(tmp_path: Path) -> None:
    module = line()

    def loss(step: int) -> Tensor:
        return module(torch.tensor([[float("nan") if step == 3 else 1.0]])).sum()

    with pytest.raises(JobError) as error:
        fit(context(tmp_path), Phase("fitting", module, Schedule(9, 0.1), loss))
    assert error.value.code is ErrorCode.DIVERGED
    assert "at step 3" in error.value.message


def test_a_cancelled_phase_stops_at_its_next_step(tmp_path: Path) -> None:
    here, seen = context(tmp_path), []

    def cancel(step: int) -> None:
        seen.append(step)
        if step == 5:
            here.stop.set()

    with pytest.raises(JobError) as error:
        fit(here, phase(line(), before=cancel))
    assert error.value.code is ErrorCode.CANCELLED and seen[-1] == 5
