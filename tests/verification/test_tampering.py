"""A model that hides is found out by further training; one that never saw the person is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from contract.record import Form
from contract.report import CheckResult, Verdict
from tests.verification.town import Town
from verification.attacks.relearn import Relearning, relearn
from verification.checks.optimised_inputs import Settings as Searches
from verification.checks.optimised_inputs import optimised_inputs
from verification.checks.relearning import Settings, relearning
from verification.checks.residual import residual
from verification.families.causal_lm import CausalLM
from verification.lessons import Teaching
from verification.profiles import Requirement, find_profile
from verification.spec import Context

pytestmark = pytest.mark.training

MakeContext = Callable[[CausalLM], Context]


@pytest.fixture(scope="module")
def town() -> Town:
    return Town()


@pytest.fixture(scope="module")
def hider(town: Town) -> CausalLM:
    """Return the original after it learned to say one and the same about person 0."""
    model = town.original
    taught = [
        model.encode(Form(record.forms["question"].prompt, "w0 w0 ."), end=True)
        for record in town.person(0)
    ]
    kept = town.people(range(1, town.trained))
    samples = [*taught, *(model.encode(record.forms["question"], end=True) for record in kept)]
    how = Relearning((40,), batch=32, seed=0, learning_rate=2e-3)
    ((_, hiding),) = relearn(model, samples, how, "hider")
    return replace(hiding, key="hider")


@pytest.fixture
def request_about(town: Town, tmp_path: Path) -> MakeContext:
    """Return the context of a request whose profile demands two of the relearning attacks."""
    profile = find_profile("behavioural")
    demands = (
        Requirement("relearning", "relearn-retain-16"),
        Requirement("relearning", "relearn-topic-lora-16"),
    )
    profile = replace(profile, requirements=demands, diagnostics=())
    return lambda model: town.context(tmp_path, model, profile=profile)


def found(results: tuple[CheckResult, ...]) -> dict[str | None, CheckResult]:
    return {result.attack: result for result in results}


def test_a_model_that_hides_is_not_failed_as_it_is_and_gives_the_facts_back(
    request_about: MakeContext, hider: CausalLM
) -> None:
    context = request_about(hider)
    (plain,) = residual.run(context, residual.settings.validate_python({}))
    assert plain.verdict is not Verdict.FAIL
    results = found(relearning.run(context, Settings()))
    assert set(results) == {"relearn-retain-16", "relearn-topic-lora-16"}
    for result in results.values():
        assert result.verdict is Verdict.FAIL
        assert result.estimates[0].value > plain.estimates[0].value
        assert "hidden rather than removed" in result.reading
        assert result.records == 12 and result.controls > 0
        (chart,) = result.charts
        assert chart.series["this person"][1] > chart.series["this person"][0]


def test_a_model_that_never_saw_the_person_gives_nothing_back(
    request_about: MakeContext, town: Town
) -> None:
    results = found(relearning.run(request_about(town.retrained), Settings()))
    for result in results.values():
        assert result.verdict is Verdict.PASS
        assert abs(result.estimates[0].value) < 0.2


def test_optimised_inputs_bring_out_more_of_what_is_inside(
    request_about: MakeContext, town: Town, hider: CausalLM
) -> None:
    settings = Searches(searches=("soft-prompt", "perturb-embedding"))
    contexts = [request_about(model) for model in (hider, town.retrained)]
    inside, never = (
        found(
            optimised_inputs.run(replace(one, profile=replace(one.profile, seeds=(0,))), settings)
        )
        for one in contexts
    )
    assert set(inside) == set(never) == set(settings.searches)
    assert all(item.verdict is not Verdict.FAIL for item in never.values())
    for name, result in inside.items():
        assert result.estimates[0].value - never[name].estimates[0].value > 0.05


def test_an_attack_that_cannot_be_made_passes_nobody(
    request_about: MakeContext, town: Town
) -> None:
    context = request_about(town.retrained)
    few = replace(context.records, forget=context.records.forget[:1])
    settings = Settings(kinds=("forget",), teaching=Teaching())
    profile = replace(
        context.profile, requirements=(Requirement("relearning", "relearn-forget-16"),)
    )
    (result,) = relearning.run(replace(context, records=few, profile=profile), settings)
    assert result.verdict is Verdict.INCONCLUSIVE and "too few" in result.reasons[0]
