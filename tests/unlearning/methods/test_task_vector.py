from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from contract.result import JobError
from unlearning.methods.task_vector import FIXED, Settings, place, search
from unlearning.stopping import COLLAPSED, Reading


def test_the_vector_is_subtracted_by_hand() -> None:
    layer = nn.Linear(1, 1)
    before = {"weight": torch.tensor([[2.0]]), "bias": torch.tensor([1.0])}
    vector = {"weight": torch.tensor([[0.5]]), "bias": torch.tensor([-1.0])}
    place(layer, before, vector, 3.0)
    assert layer.weight.item() == 0.5 and layer.bias.item() == 4.0


class World:
    """The rank falls with the scale, and retained knowledge is lost beyond ``breaks``."""

    def __init__(self, crossing: float, breaks: float = 1e9) -> None:
        self.crossing, self.breaks, self.scale = crossing, breaks, 0.0

    def put(self, scale: float) -> None:
        self.scale = scale

    def read(self, step: int) -> Reading:
        rank = max(0.0, 1 - 0.5 * self.scale / self.crossing)
        retain = 0.1 if self.scale <= self.breaks else 9.0
        return Reading(step, rank, 5 * self.scale / self.crossing, 5.0, retain)


@pytest.mark.parametrize("crossing", [0.3, 1.0, 5.3])
def test_the_scale_is_found_at_which_nobody_can_tell(crossing: float) -> None:
    world = World(crossing)
    metrics, notes = search(world.read, world.put, Settings())
    assert world.scale == metrics["scale"] == pytest.approx(crossing, rel=0.05)
    assert abs(metrics["calibration_rank"] - 0.5) <= 0.02 and notes == ()


def test_a_scale_that_loses_retained_knowledge_is_not_taken() -> None:
    world = World(crossing=10.0, breaks=3.0)
    metrics, notes = search(world.read, world.put, Settings())
    assert 2.0 <= metrics["scale"] <= 3.0 and notes == (COLLAPSED,)


def test_a_vector_that_only_harms_is_an_error() -> None:
    world = World(crossing=10.0, breaks=0.0)
    with pytest.raises(JobError, match="loses retained records"):
        search(world.read, world.put, Settings())


@pytest.mark.training
def test_without_calibration_records_the_scale_is_the_one_given(
    whole: Any, make_job: Any, completed: Any
) -> None:
    settings = {"learning_rate": 1e-3, "steps": 5, "scale": 2.0}
    result = completed(make_job("task_vector", whole, settings, calibration=[], retain=[]))
    assert result.metrics["scale"] == 2.0 and FIXED in result.notes
