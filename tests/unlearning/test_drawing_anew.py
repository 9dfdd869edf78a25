"""What a card says about drawing anew: another seed, another model; the same seed, the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contract.job import UnlearningJob, read_job, write_job
from unlearning.registry import methods

ANEW = [name for name, item in methods().items() if item.card.draws_anew]
SETTINGS = {"drop_shard": {"adapter": {"epochs": 1}}}


def test_the_methods_that_draw_anew_are_those_that_train_from_a_drawn_start() -> None:
    assert ANEW == ["drop_shard", "renew", "retrain"]


@pytest.mark.training
@pytest.mark.parametrize("name", ANEW)
def test_another_seed_makes_another_model(
    name: str, whole: Any, sharded: Any, make_job: Any, completed: Any
) -> None:
    trained = sharded if name == "drop_shard" else whole

    def digest(seed: int, folder: str) -> str:
        recipe = replace(trained.recipe, seed=seed, epochs=1)
        place = make_job(name, replace(trained, recipe=recipe), SETTINGS.get(name), name=folder)
        write_job(place, replace(read_job(place, UnlearningJob), seed=seed))
        return str(completed(place).model.digest)

    first = digest(1, "first")
    assert digest(2, "second") != first
    assert digest(1, "again") == first
