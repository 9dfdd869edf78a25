from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from unlearning import stopping
from unlearning.data import Sample
from unlearning.stopping import CalibratedStop, Probes, StopSettings, rank

FORGET, TWIN, RETAIN = (Sample(name, "calibration", (1, 2), 1) for name in "ftr")
PROBES = Probes([FORGET], [TWIN], [RETAIN])


def test_rank_is_one_half_when_nobody_can_tell() -> None:
    assert rank([1.0, 2.0], [1.0, 2.0]) == 0.5
    assert rank([0.1], [5.0, 6.0]) == 1.0
    assert rank([9.0], [5.0, 6.0]) == 0.0


class Scripted(nn.Module):
    """A model whose one weight is the step, so that readings can be scripted."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Parameter(torch.zeros(1))


@pytest.fixture
def script(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[CalibratedStop, int | None, int]]:
    """Return a runner: NLLs of forget and retain per step, against a scale of nine twins."""

    def play(
        forget: list[float], retain: list[float], settings: StopSettings
    ) -> tuple[CalibratedStop, int | None, int]:
        model = Scripted()
        twins = [float(level) for level in range(1, 10)]
        probes = Probes([FORGET], [TWIN] * len(twins), [RETAIN])

        def readings(current: Scripted, samples: list[Sample], _: torch.device) -> list[float]:
            step = int(current.step.item())
            if samples[0] is TWIN:
                return twins
            return [forget[step] if samples[0] is FORGET else retain[step]]

        monkeypatch.setattr(stopping, "mean_nll", readings)
        watch = CalibratedStop(model, probes, settings, torch.device("cpu"))
        stopped = None
        for step in range(1, len(forget)):
            model.step.data.fill_(step)
            if watch(step):
                stopped = step
                break
        watch.finish()
        return watch, stopped, int(model.step.item())

    return play


def test_it_stops_when_forget_meets_the_twins(script: Any) -> None:
    watch, stopped, kept = script([0.0, 2.0, 4.0, 5.0, 9.9], [0.0] * 5, StopSettings(every=1))
    assert (stopped, kept) == (3, 3)
    assert watch.reached and watch.best.rank == 0.5


def test_it_aims_from_both_sides_and_goes_back_when_it_overshoots(script: Any) -> None:
    # Step 2 is still a little remembered; step 3 is far over-forgotten, which is a leak too.
    watch, stopped, kept = script([0.0, 1.0, 4.0, 99.0], [0.0] * 4, StopSettings(every=1))
    assert (stopped, kept) == (3, 2)
    assert watch.best.step == 2


def test_it_stops_when_retained_knowledge_collapses(script: Any) -> None:
    settings = StopSettings(every=1, collapse=1.0)
    watch, stopped, kept = script([0.0, 2.0, 3.0, 3.0], [0.0, 0.1, 5.0, 0.0], settings)
    assert watch.collapsed and (stopped, kept) == (2, 1)


def test_it_looks_only_every_few_steps(script: Any) -> None:
    _, stopped, _ = script([0.0, 5.0, 2.0, 5.0, 5.0], [0.0] * 5, StopSettings(every=2))
    assert stopped == 4


def test_a_resumed_rule_remembers_its_best_moment(script: Any) -> None:
    watch, _, _ = script([0.0, 4.0, 3.0], [0.0] * 3, StopSettings(every=1))
    fresh = CalibratedStop(Scripted(), PROBES, StopSettings(), torch.device("cpu"))
    fresh.restore(watch.state())
    assert fresh.best == watch.best
