"""What black-box checks say of a retrain, of a refusal, of an output filter and of no deletion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from contract.report import CheckResult, Verdict
from tests.verification.ward import Ward
from verification.checks.adversarial_probes import adversarial_probes
from verification.checks.attacker_knowledge import attacker_knowledge
from verification.checks.memorisation import memorisation
from verification.checks.question_forms import question_forms
from verification.checks.reconstruction import reconstruction
from verification.families.causal_lm import CausalLM
from verification.policy import settle
from verification.profiles import PROFILES, Requirement

pytestmark = pytest.mark.training
SETTINGS: dict[str, dict[str, Any]] = {
    "adversarial_probes": {"families": ("adversarial",), "twin_records": 40, "written": 1},
    "question_forms": {"twin_records": 40},
    "memorisation": {"twin_records": 48},
    "reconstruction": {"twin_records": 40},
    "attacker_knowledge": {"twin_records": 48},
}
CHECKS = {
    item.card.name: item
    for item in (
        adversarial_probes,
        question_forms,
        memorisation,
        reconstruction,
        attacker_knowledge,
    )
}
PREFERENCE = ("adversarial_probes", "question_forms", "reconstruction")


@cache
def ward() -> Ward:
    torch.set_num_threads(1)
    return Ward()


@cache
def results(kind: str) -> dict[str, CheckResult]:
    place = ward()
    models = {
        "retrained": lambda: place.retrained,
        "refuser": place.refuser,
        "nothing": lambda: place.original,
        "filter": lambda: filtered(place),
    }
    context = place.context(Path(), models[kind]())
    found = {}
    for name, settings in SETTINGS.items():
        check = CHECKS[name]
        (found[name],) = check.run(context, check.settings.validate_python(settings))
    return found


@dataclass(frozen=True)
class Filtered(CausalLM):
    """The original behind a filter that lets no text about the person out."""

    def continued(self, prompts: Sequence[tuple[int, ...]], tokens: int) -> list[tuple[int, ...]]:
        """Return nothing, whatever is asked."""
        del tokens
        return [() for _ in prompts]


def filtered(place: Ward) -> CausalLM:
    original = place.original
    return Filtered("filter", original.model, original.tokenizer, original.device)


def failed_by_policy(result: CheckResult) -> bool:
    profile = replace(PROFILES["behavioural"], requirements=(Requirement(result.check),))
    return settle(profile, (result,))[0].verdict is Verdict.FAIL


@pytest.mark.parametrize("name", list(SETTINGS))
def test_an_honest_retrain_is_never_failed(name: str) -> None:
    result = results("retrained")[name]
    assert result.verdict is not Verdict.FAIL and not failed_by_policy(result), result.reasons
    assert result.estimates[0].value < 0.35


def test_an_honest_retrain_passes_where_the_original_answers_clearly() -> None:
    assert results("retrained")["memorisation"].verdict is Verdict.PASS
    assert results("retrained")["question_forms"].verdict is Verdict.PASS


@pytest.mark.parametrize("name", list(SETTINGS))
@pytest.mark.parametrize("kind", ["nothing", "filter"])
def test_nothing_deleted_fails_every_check_with_a_filter_too(kind: str, name: str) -> None:
    result = results(kind)[name]
    assert result.verdict is Verdict.FAIL and failed_by_policy(result)
    assert result.reasons and result.reading
    assert result.estimates[0].p_leak is not None and result.estimates[0].p_leak < 0.001


@pytest.mark.parametrize("name", list(SETTINGS))
def test_a_refusal_does_not_pass(name: str) -> None:
    result = results("refuser")[name]
    assert failed_by_policy(result)
    assert result.verdict is not Verdict.PASS


@pytest.mark.parametrize("name", PREFERENCE)
def test_a_refusal_keeps_the_preference_for_the_true_answer(name: str) -> None:
    assert results("refuser")[name].verdict is Verdict.FAIL
    assert results("refuser")[name].estimates[0].value > 0.5


def test_what_the_original_does_not_answer_is_named_and_measures_nothing() -> None:
    result = results("retrained")["question_forms"]
    named = {item.name for item in result.before if "measures nothing" in item.name}
    assert any(name.startswith("True or false") for name in named)
    assert not any(item.name.startswith("True or false") for item in result.estimates)


def test_template_tokens_are_counted_apart() -> None:
    share = results("nothing")["attacker_knowledge"].estimates[-1]
    assert "template" in share.name
    # Answers read "ref v1 - v2": half of the tokens are everybody's.
    assert 0.4 < share.value < 0.8
    assert results("retrained")["attacker_knowledge"].estimates[-1].value > share.value


def test_a_curve_of_recovery_has_a_point_for_every_level(tmp_path: Path) -> None:
    (chart,) = results("nothing")["reconstruction"].charts
    assert chart.kind == "curve" and len(chart.x) == 5
    assert chart.series["before"] == chart.series["after"]
    np.testing.assert_array_less(chart.series["never trained"], chart.series["after"])


def test_an_original_that_answers_nothing_makes_the_question_meaningless(tmp_path: Path) -> None:
    place = ward()
    context = place.context(tmp_path, place.retrained, original=place.retrained)
    for name in ("memorisation", "question_forms"):
        check = CHECKS[name]
        (result,) = check.run(context, check.settings.validate_python(SETTINGS[name]))
        assert result.verdict is Verdict.NOT_APPLICABLE and result.reasons


def test_without_people_to_compare_with_nothing_is_said(tmp_path: Path) -> None:
    place = ward()
    lonely = replace(place.records, twins=place.patient(place.trained))
    context = replace(place.context(tmp_path, place.original), records=lonely)
    (result,) = memorisation.run(context, memorisation.settings.validate_python({}))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "twins of two people" in result.reasons[0]
