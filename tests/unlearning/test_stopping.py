from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from unlearning import looks, stopping
from unlearning.data import Sample
from unlearning.stopping import CalibratedStop, Probes, StopSettings, rank

FORGET, TWIN, RETAIN = (Sample(name, "calibration", (1, 2), 1) for name in "ftr")
PROBES = Probes([FORGET], [TWIN], [RETAIN])
DENSE = StopSettings(share=1e6)
"""Looks wherever the plan wants one."""


def test_rank_is_one_half_when_nobody_can_tell() -> None:
    assert rank([1.0, 2.0], [1.0, 2.0]) == 0.5
    assert rank([0.1], [5.0, 6.0]) == 1.0
    assert rank([9.0], [5.0, 6.0]) == 0.0


class Scripted(nn.Module):
    """A model whose one weight is the step, so that readings can be scripted."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Parameter(torch.zeros(1))


Curve = Callable[[float], float]
Played = tuple[CalibratedStop, int | None, float]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Played]:
    """Return a runner: NLL of forget and retain as curves of the weight, against twins of 1..9."""

    def play(
        forget: Curve,
        retain: Curve = lambda _: 0.0,
        settings: StopSettings = DENSE,
        steps: int = 60,
        jump: float = 1.0,
    ) -> Played:
        model = Scripted()
        twins = [level / 10 for level in range(10, 91)]

        def readings(current: Scripted, samples: list[Sample], _: torch.device) -> list[float]:
            if samples[0] is TWIN:
                return twins
            return [(forget if samples[0] is FORGET else retain)(current.step.item())]

        monkeypatch.setattr(stopping, "asked", readings)
        watch = CalibratedStop(model, PROBES, settings, torch.device("cpu"), 100)
        stopped = None
        for step in range(1, steps + 1):
            model.step.data.fill_(step * jump)
            if watch(step):
                stopped = step
                break
        watch.finish()
        return watch, stopped, model.step.item()

    return play


def test_it_stops_when_forget_meets_the_twins(script: Any) -> None:
    watch, stopped, kept = script(lambda weight: weight / 4)
    assert watch.reached and watch.notes == () and stopped <= 21
    assert watch.best.gap <= 0.02 and kept == pytest.approx(20, abs=1)


@pytest.mark.parametrize("jump", [3.0, 7.0, 14.0])
def test_a_step_that_jumps_past_the_twins_is_taken_back_part_of_the_way(
    script: Any, jump: float
) -> None:
    watch, _, kept = script(lambda weight: weight / 4, jump=jump)
    assert watch.reached and watch.best.gap <= 0.06
    assert kept == pytest.approx(20, abs=2)
    assert kept % jump != 0


def test_it_looks_rarely_while_the_twins_are_far_and_often_when_they_are_near(script: Any) -> None:
    watch, _, _ = script(lambda weight: weight / 40, steps=400)
    looked = [item["step"] for item in watch.state()["readings"]]
    apart = [after - before for before, after in pairwise(looked)]
    assert len(looked) < 15 and max(apart) > 20 and apart[-1] < max(apart)


def test_what_looking_costs_stays_within_its_share(script: Any) -> None:
    settings = StopSettings(share=0.05)
    watch, _, _ = script(lambda weight: weight / 400, settings=settings, steps=200)
    assert watch.metrics["probe_tokens"] <= 0.05 * 3 * 100 * 200 + 2 * PROBES.tokens


def test_probes_are_thinned_so_that_records_do_not_make_it_dearer() -> None:
    many = Probes([FORGET] * 5000, [TWIN] * 5000, [RETAIN] * 5000)
    few = many.thinned(1000, seed=0)
    assert few.tokens <= 1000 and len(few.forget) == len(few.twins) == 200


def test_it_stops_when_retained_knowledge_collapses_and_says_so(script: Any) -> None:
    watch, stopped, kept = script(
        lambda weight: weight / 10, lambda weight: 0.0 if weight < 8 else 5.0
    )
    assert watch.collapsed and "collapse" in watch.notes[0]
    assert stopped is not None and kept < 8


def test_a_run_that_ends_too_soon_says_so_and_keeps_its_last_weights(script: Any) -> None:
    watch, stopped, kept = script(lambda weight: weight / 100, steps=30)
    assert stopped is None and not watch.reached and "step limit" in watch.notes[0]
    assert kept == 30 and watch.best.step == 30


def test_dropout_is_off_while_looking() -> None:
    model = nn.Linear(1, 1).train()
    seen: list[bool] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(looks, "mean_nll", lambda own, *_: seen.append(own.training) or [1.0])
        looks.asked(model, [FORGET], torch.device("cpu"))
    assert seen == [False] and model.training


def test_a_resumed_rule_remembers_its_best_moment(script: Any) -> None:
    watch, _, _ = script(lambda weight: weight / 100, steps=9)
    fresh = CalibratedStop(Scripted(), PROBES, StopSettings(), torch.device("cpu"), 100)
    fresh.restore(watch.state())
    assert fresh.best == watch.best and fresh.metrics == watch.metrics
