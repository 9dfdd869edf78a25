"""The objectives that look inside a model, against the same numbers without the phase."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.unlearning.engine.tiny import lesson, tiny
from tests.unlearning.losses.golden import CPU, TOKENIZER, World
from unlearning.data import Sample, collate
from unlearning.engine import Piece
from unlearning.forgetting import ForgetSettings, Mixture
from unlearning.losses import answer_nll
from unlearning.methods.moe_expert import Anchored
from unlearning.methods.rmu import Misdirection, Settings
from unlearning.methods.whp import Generic
from unlearning.methods.whp import Settings as WhpSettings
from unlearning.reference import Hidden, LogProbs, ReferenceCache
from unlearning.registry import gradient
from unlearning.selectors import Expert, experts

LAYER = 0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("inner"))
    for samples in made.groups.values():
        made.cache.fill(made.before, samples, CPU, Hidden(LAYER))
    return made


def states(of: Any, sample: Sample) -> torch.Tensor:
    """Return the states behind the layer where the answer is predicted, without early exit."""
    with torch.no_grad():
        found = of(input_ids=torch.tensor([sample.ids]), output_hidden_states=True)
    return found.hidden_states[LAYER + 1][0, sample.start - 1 : len(sample.ids) - 1]


def rmu(world: World, **changes: Any) -> tuple[Misdirection, dict[str, float]]:
    settings = Settings(layer=LAYER, retain_weight=7.0, **changes)
    objective = Misdirection(settings)
    job = SimpleNamespace(job=SimpleNamespace(seed=5))
    assert objective.riders(SimpleNamespace(model=world.now, context=job)) == {}  # type: ignore[arg-type]
    mixture = Mixture(objective, settings)
    pieces = [
        mixture.terms(world.now, world.groups, world.cache, Piece(index, 2)) for index in range(2)
    ]
    return objective, {
        name: sum(float(piece[name].detach()) for piece in pieces if name in piece)
        for name in ("forget", "retain")
    }


def test_rmu_is_the_distance_to_a_direction_and_from_where_the_rest_was(world: World) -> None:
    for coefficient in (6.5, None):
        objective, found = rmu(world, steering_coefficient=coefficient, steering_scale=3.0)
        aim = objective._direction
        forget, retain = [], []
        for sample in world.groups["forget"]:
            for now, before in zip(
                states(world.now, sample), states(world.before, sample), strict=True
            ):
                size = coefficient or 3.0 * float(before.norm())
                forget.append(sum((float(now[i]) - size * float(aim[i])) ** 2 for i in range(32)))
        for sample in world.groups["retain"]:
            moved = states(world.now, sample) - states(world.before, sample)
            retain += [float(row.square().sum()) for row in moved]
        assert found["forget"] == pytest.approx(sum(forget) / len(forget) / 32, rel=1e-4)
        assert found["retain"] == pytest.approx(7 * sum(retain) / len(retain) / 32, rel=1e-4)


def test_whp_is_the_cross_entropy_to_its_labels(world: World) -> None:
    objective = Generic(WhpSettings())
    label = 11
    objective._labels = {
        sample.digest: torch.full((sample.answer_length,), label)
        for sample in world.groups["forget"]
    }
    found = Mixture(objective, WhpSettings()).terms(world.now, world.groups, world.cache)
    by_hand = world.token_mean("forget", lambda token: -token[0][label])
    assert float(found["forget"].detach()) == pytest.approx(by_hand, rel=1e-4)


def test_the_anchor_is_added_to_the_inner_loss_and_unweighted_by_it(tmp_path: Path) -> None:
    model, samples = tiny("mixtral"), lesson(4)
    cache = ReferenceCache(tmp_path, "inner", TOKENIZER)
    cache.fill(model, samples, CPU, LogProbs())
    settings, inner = gradient("npo", {"forget_weight": 0.5, "retain_term": "none"})
    assert isinstance(settings, ForgetSettings)
    groups = {"forget": samples, "retain": []}
    plain = Mixture(inner, settings).terms(model, groups, cache)["forget"]
    mixture = experts.mixtures(model)[1]
    weight = 2.0 / settings.forget_weight  # as the method passes it
    objective = Anchored(inner, Expert(layer=1, expert=3), mixture, weight)
    held = Mixture(objective, settings).terms(model, groups, cache)["forget"]
    distances: list[float] = []
    for sample in samples:
        with experts.watched(mixture) as passes, torch.no_grad():
            answer_nll(model, collate([sample]))
        rows = passes[0][sample.start - 1 : len(sample.ids) - 1].tolist()
        distances += [sum((gate - (i == 3)) ** 2 for i, gate in enumerate(row)) for row in rows]
    by_hand = float(plain) + 2.0 * sum(distances) / len(distances)
    assert float(held) == pytest.approx(by_hand, rel=1e-4)
    held.backward()
    assert mixture.router.weight.grad is not None and bool(mixture.router.weight.grad.any())


def test_only_what_pushes_answers_can_leave_some_alone() -> None:
    mixture = experts.mixtures(tiny("mixtral"))[1]
    for name, gated in (("rmu", False), ("idk", False), ("npo", True)):
        _, inner = gradient(name, {})
        assert inner.gated is gated
        assert Anchored(inner, Expert(layer=1, expert=3), mixture, 1.0).gated is gated
