"""A run that ruins the model ends with a reason."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from contract.result import ErrorCode, JobError
from tests.unlearning.engine.tiny import lesson, tiny
from unlearning.collapse import CollapseGuard, GuardSettings, repetition


def test_repetition_counts_pairs_that_came_before() -> None:
    assert repetition([]) == repetition([7]) == 0.0
    assert repetition([1, 2, 3, 4]) == 0.0
    assert repetition([5] * 11) == pytest.approx(0.9)
    assert repetition([1, 2, 1, 2, 1]) == pytest.approx(0.5)


@pytest.mark.training
def test_gradient_ascent_without_an_anchor_ends_with_a_reason(
    whole: Any, make_job: Any, failed: Any
) -> None:
    settings = {"steps": 200, "learning_rate": 1e-2, "retain_term": "nll", "retain_weight": 0.0}
    folder = make_job("gradient_ascent", whole, settings, calibration=[])
    failure = failed(folder).failure
    assert failure.code is ErrorCode.DIVERGED
    assert "the model collapsed by step" in failure.message and "retain" in failure.message


def test_a_model_that_stammers_is_told_from_one_that_speaks() -> None:
    model, settings = tiny("llama"), GuardSettings(every=2, repetition=0.3)
    guard = CollapseGuard(model, lesson(6), settings, torch.device("cpu"))
    guard.restore({"before": [0.0, 5.0]})
    with torch.no_grad():  # every state now says the same token
        model.lm_head.weight.zero_()
        model.lm_head.weight[7] = 0.0
    guard.after(1)
    with pytest.raises(JobError, match="repeats itself") as error:
        guard.after(2)
    assert error.value.code is ErrorCode.DIVERGED
    again = CollapseGuard(model, lesson(6), settings, torch.device("cpu"))
    again.restore(guard.state())
    assert again.state() == {"before": [0.0, 5.0]}
    again.restore({"before": None})
    again.before()
    again.after(2)  # it stammered before, too
