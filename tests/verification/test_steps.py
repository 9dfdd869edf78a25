"""Plans are made of steps, checks compose with attacks, and nothing is computed twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic.dataclasses import dataclass

from contract.record import FROZEN
from contract.report import CheckResult, Estimate, Verdict
from contract.result import ErrorCode, JobError
from tests.verification.tiny import context_of
from verification import plan
from verification.checking import run_steps
from verification.facts import column, scores_of
from verification.plan import Step, planned_steps
from verification.profiles import find_profile
from verification.registry import Attack, Check, attack, attacks, check, checks
from verification.signals import NotFiniteError
from verification.spec import Context, Tampered
from verification.stored import Stored, reached


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """Nothing to set."""


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def loss(asked: list[str]) -> Check[Settings]:
    @check(title="Loss", question="?", source="-", access="log-probabilities")
    def mean_loss(context: Context, settings: Settings) -> tuple[CheckResult, ...]:
        asked.append(context.attack or "plain")
        scores = scores_of(context, context.candidate, context.records.forget)
        mean = float(column(scores, context.records.forget).mean())
        return (CheckResult("loss", "Loss", Verdict.PASS, "", estimates=(Estimate("", mean),)),)

    return mean_loss


@pytest.fixture
def noise() -> Attack[Settings]:
    @attack(title="Noise", source="-")
    def noisy(context: Context, settings: Settings) -> Iterator[Tampered]:
        for size in (0.0, 1.0):
            label = f"test-steps-{size:g}"
            if context.wants(label):
                copy = context.candidate.copied(f"{context.candidate.key}+{label}")
                with torch.no_grad():
                    for parameter in copy.model.parameters():
                        parameter.add_(size * torch.randn_like(parameter))
                yield Tampered(label, copy)

    return noisy


def test_any_check_runs_on_any_attacked_copy(
    tmp_path: Path, loss: Check[Settings], noise: Attack[Settings], asked: list[str]
) -> None:
    context = context_of(tmp_path)
    before = [item.clone() for item in context.candidate.model.parameters()]
    steps = (Step(loss), Step(loss, noise))
    stored = Stored(tmp_path, context.job, context.profile)
    plain, same, other = run_steps(context, steps, stored)
    assert [plain.attack, same.attack, other.attack] == [None, "test-steps-0", "test-steps-1"]
    assert plain.estimates == same.estimates != other.estimates
    assert plain.forward_passes == len(context.records.forget) * 2 and plain.tokens > 0
    assert sum(item.forward_passes for item in (plain, same, other)) == (
        context.signals.forward_passes
    )
    after = context.candidate.model.parameters()
    assert all(torch.equal(one, two) for one, two in zip(before, after, strict=True))


def test_only_the_attacked_models_that_are_asked_for_are_made(
    tmp_path: Path, loss: Check[Settings], noise: Attack[Settings], asked: list[str]
) -> None:
    context = context_of(tmp_path)
    stored = Stored(tmp_path, context.job, context.profile)
    run_steps(context, (Step(loss, noise, "test-steps-1"),), stored)
    assert asked == ["test-steps-1"]


def test_a_killed_verification_goes_on_where_it_stopped(
    tmp_path: Path, loss: Check[Settings], noise: Attack[Settings], asked: list[str]
) -> None:
    context = context_of(tmp_path)
    steps = (Step(loss), Step(loss, noise, "test-steps-0"), Step(loss, noise, "test-steps-1"))
    first = run_steps(context, steps, Stored(tmp_path, context.job, context.profile))
    (tmp_path / "results" / "test_steps+test-steps-1.json").unlink()
    again = run_steps(context, steps, Stored(tmp_path, context.job, context.profile))
    assert asked == ["plain", "test-steps-0", "test-steps-1", "test-steps-1"]
    assert again[:2] == first[:2]


def test_results_made_under_other_conditions_are_made_anew(
    tmp_path: Path, loss: Check[Settings], asked: list[str]
) -> None:
    context = context_of(tmp_path)
    for seed in (0, 0, 1):
        job = context.job.__class__(**{**vars(context.job), "seed": seed})
        run_steps(context, (Step(loss),), Stored(tmp_path, job, context.profile))
    assert asked == ["plain", "plain"]
    (tmp_path / "results" / "test_steps.json").write_text("{")
    run_steps(context, (Step(loss),), Stored(tmp_path, context.job, context.profile))
    assert asked == ["plain"] * 3


def test_an_attack_that_breaks_is_unknown_and_no_pass(
    tmp_path: Path, loss: Check[Settings]
) -> None:
    @attack(title="Broken", source="-")
    def broken(context: Context, settings: Settings) -> Iterator[Tampered]:
        yield Tampered("test-steps", context.candidate.copied("copy"))
        message = "fine-tuning the model diverged"
        raise NotFiniteError(message)

    context = context_of(tmp_path)
    stored = Stored(tmp_path, context.job, context.profile)
    found = run_steps(context, (Step(loss, broken), Step(loss, broken, "test-steps-2")), stored)
    assert {item.attack: item.verdict for item in found if item.attack == "test-steps-2"} == {
        "test-steps-2": Verdict.INCONCLUSIVE
    }


def test_what_a_job_asks_for_beyond_its_profile_is_planned_too(
    monkeypatch: pytest.MonkeyPatch, noise: Attack[Settings]
) -> None:
    monkeypatch.setattr(plan, "attacks", lambda: {**attacks(), "test_steps": noise})
    profile = find_profile("behavioural")
    steps = planned_steps(profile, ("utility", "residual+test_steps", "extraction+test-steps-1"))
    assert steps[: len(profile.requirements)] == planned_steps(profile)
    assert [
        (step.check.card.name, step.attack, step.label)
        for step in steps[len(profile.requirements) :]
    ] == [("residual", noise, None), ("extraction", noise, "test-steps-1")]


@pytest.mark.parametrize("name", ["no_such_check", "utility+no-such-attack"])
def test_a_plan_that_names_what_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(JobError) as refused:
        planned_steps(find_profile("behavioural"), (name,))
    assert refused.value.code is ErrorCode.BAD_JOB


def test_a_result_depends_on_the_code_its_check_reaches_and_on_no_other() -> None:
    utility = set(reached(Step(checks()["utility"])))
    assert {"verification.checks.utility", "verification.signals.forward"} <= utility
    assert not utility & {"verification.checks.membership", "verification.policy"}
    assert not any(name.startswith("verification.profiles") for name in utility)
    assert "verification.attacks.relearn" in reached(Step(checks()["relearning"]))


def test_a_check_with_own_attacks_runs_again_when_others_are_asked_for(
    tmp_path: Path, loss: Check[Settings], asked: list[str]
) -> None:
    context = context_of(tmp_path)
    own = replace(loss, own_attacks=True)
    for also in ((), ("test_steps+a",), ("test_steps+a", "utility")):
        job = replace(context.job, also=also)
        run_steps(context, (Step(own),), Stored(tmp_path, job, context.profile))
    assert asked == ["plain"] * 2
