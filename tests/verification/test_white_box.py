"""Checks that look inside: an honest deletion passes, a model edited at its output does not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from contract.report import CheckResult, Verdict
from tests.verification.white_box import (
    Register,
    context,
    head_edited,
    register,
    taught,
    untrained,
)
from verification.families.causal_lm import CausalLM
from verification.registry import checks
from verification.signals import Signals
from verification.spec import Context

pytestmark = pytest.mark.training
DECIDING = ("linear_probe", "logit_lens", "patching")


@dataclass(frozen=True)
class World:
    """The people, the model that was trained on them, and two that claim to forget the first."""

    place: Register
    original: CausalLM
    retrained: CausalLM
    edited: CausalLM
    signals: Signals

    def asked_of(self, candidate: CausalLM, folder: Path) -> Context:
        """Return what a check sees; what was asked of a model is asked once for all tests."""
        return context(self.place, self.original, candidate, folder, signals=self.signals)


@pytest.fixture(scope="module")
def world(one_thread: None) -> World:
    place = register()
    base = taught(untrained(place), place.trained(with_person=False), 100, "base")
    original = taught(base, place.trained(with_person=True), 60, "original")
    retrained = taught(base, place.trained(with_person=False), 30, "retrained")
    return World(place, original, retrained, head_edited(original, place), Signals())


def ran(name: str, seen: Context) -> CheckResult:
    found = checks()[name]
    (result,) = found.run(seen, found.settings.validate_python({}))
    assert result.check == name and result.reading
    return result


@pytest.fixture
def honest(world: World, tmp_path: Path) -> Context:
    return world.asked_of(world.retrained, tmp_path)


@pytest.fixture
def headless(world: World, tmp_path: Path) -> Context:
    return world.asked_of(world.edited, tmp_path)


@pytest.mark.parametrize("name", DECIDING)
def test_a_model_that_never_saw_the_person_passes(name: str, honest: Context) -> None:
    result = ran(name, honest)
    assert result.verdict is Verdict.PASS, result.reasons
    assert abs(result.estimates[0].value) < 0.2


@pytest.mark.parametrize("name", [*DECIDING, "cka", "weight_distance"])
def test_a_model_whose_head_alone_was_edited_is_found_out(name: str, headless: Context) -> None:
    assert ran(name, headless).verdict is Verdict.FAIL


def test_what_the_published_lens_attacks_hit_is_told_apart_from_strangers(
    headless: Context,
) -> None:
    found = {item.name: item for item in ran("logit_lens", headless).estimates}
    own = found["Probability difference: facts hit, this person"]
    assert own.p_leak is not None and own.p_leak < 0.01
    assert own.value > found["Probability difference: facts hit, never trained"].value + 0.3
    assert own.value > found["Probability difference: wrong answers hit"].value + 0.3


@pytest.mark.parametrize("name", ["cka", "connectivity", "weight_distance"])
def test_what_only_describes_decides_nothing_about_an_honest_deletion(
    name: str, honest: Context
) -> None:
    result = ran(name, honest)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.charts and result.estimates


def test_a_reference_model_takes_the_place_of_strangers(world: World, headless: Context) -> None:
    seen = replace(headless, references=(world.retrained,))
    depth = ran("patching", seen)
    assert depth.verdict is Verdict.FAIL
    assert depth.estimates[1].value < 0.1
    names = [item.name for item in ran("cka", seen).estimates]
    assert any("reference" in name for name in names)


@pytest.mark.parametrize("name", [*DECIDING, "cka", "connectivity", "weight_distance"])
def test_a_model_of_another_build_is_not_compared_where_it_cannot_be(
    name: str, world: World, honest: Context
) -> None:
    deeper = untrained(world.place, layers=3)
    result = ran(name, replace(honest, candidate=replace(deeper, key="deeper")))
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert result.reasons[0]


def test_turned_inner_states_are_not_taken_for_forgetting(world: World, honest: Context) -> None:
    """Swap units of the residual stream everywhere: the same function in another language."""
    turned = world.original.copied("turned")
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for name, parameter in turned.model.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight", "norm.weight")):
                parameter.copy_(parameter[order].clone())
            elif parameter.dim() > 1:
                parameter.copy_(parameter[:, order].clone())
    seen = replace(honest, candidate=turned)
    assert ran("patching", seen).verdict is Verdict.NOT_APPLICABLE
    assert ran("logit_lens", seen).verdict is Verdict.FAIL
    assert ran("linear_probe", seen).verdict is Verdict.FAIL
