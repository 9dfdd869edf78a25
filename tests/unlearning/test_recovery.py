"""Relearning ends when what is kept is back, and no sooner."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from unlearning import recovery
from unlearning.data import Sample
from unlearning.looks import Looks
from unlearning.recovery import Recovered

PROBE = [Sample("r", "question", (1, 2), 1)]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a watch whose probes are as surprising as the list says, look by look."""

    def make(values: list[float], target: float) -> Recovered:
        said = iter(values)
        monkeypatch.setattr(recovery, "surprise", lambda *_: next(said))
        looks = Looks(cost=1, step_tokens=1e6, share=1.0)
        return Recovered(None, PROBE, target, looks, torch.device("cpu"))

    return make


def test_the_phase_ends_at_the_first_look_that_finds_the_probes_near(watched: Any) -> None:
    watch = watched([5.0, 2.0, 0.5, 0.4], 0.5)
    assert [watch(step) for step in range(1, 4)] == [False, False, True]
    assert watch.reached


def test_a_resumed_watch_remembers_what_it_has_spent(watched: Any) -> None:
    watch = watched([5.0, 4.0], 0.5)
    watch(1)
    fresh = watched([0.1], 0.5)
    fresh.restore(watch.state())
    assert fresh.state() == watch.state() and not fresh.reached


@pytest.mark.training
def test_renewal_relearns_in_fewer_steps_than_the_recipe_and_says_how_many(
    whole: Any, make_job: Any, completed: Any
) -> None:
    result = completed(make_job("renew", whole))
    trained = whole.recipe.epochs * 4  # 14 records in two forms, batches of 8
    assert 0 < result.metrics["steps"] < trained
    assert result.metrics["retain_nll"] < result.metrics["retain_nll_before"] + 0.4
    assert result.notes == ()
