"""The one-run audit: coins that can be guessed are evidence, and nothing else is."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from contract.canary import Coin, read_coins, write_coins
from contract.job import Shadows
from contract.record import write_records
from contract.report import Verdict
from contract.result import JobError
from tests.verification.town import Town
from verification.checks.canary_audit import Settings, canary_audit
from verification.families.causal_lm import CausalLM
from verification.plan import conditions_of
from verification.spec import Context
from verification.statistics import epsilon_lower_bound


def audited(town: Town, folder: Path, candidate: CausalLM, coins: int = 12) -> Context:
    """Return a request whose every record was put in by a coin of its own."""
    context = town.context(folder, candidate)
    pairs = list(zip(context.records.forget, context.records.twins, strict=False))[:coins]
    write_coins(folder / "coins.jsonl", [Coin((one.id,), (two.id,)) for one, two in pairs])
    data = replace(context.job.data, canaries="coins.jsonl")
    return replace(context, job=replace(context.job, data=data))


def test_coins_that_are_all_guessed_bound_epsilon_from_below(town: Town, tmp_path: Path) -> None:
    (result,) = canary_audit.run(audited(town, tmp_path, town.original), Settings())
    epsilon, share = result.estimates
    # 12 of 12 right: q^12 = 0.05 gives q = 0.7791, and epsilon = log(q / (1 - q)).
    q = 0.05 ** (1 / 12)
    assert share.value == 1.0 and epsilon.value == pytest.approx(math.log(q / (1 - q)))
    assert epsilon.p_leak == pytest.approx(2.0**-12)
    assert result.before == result.estimates
    # The margin of the profile (0.3 with 12 records) is odds of 0.8 to 0.2: not exceeded yet.
    assert epsilon.margin == pytest.approx(math.log(4.0))
    assert result.verdict is Verdict.INCONCLUSIVE and "trace" in result.reading


def test_a_bound_above_the_margin_fails_by_itself(town: Town, tmp_path: Path) -> None:
    context = audited(town, tmp_path, town.original)
    tight = replace(
        context.profile,
        margins=tuple(replace(item, equivalence=0.2) for item in context.profile.margins),
    )
    (result,) = canary_audit.run(replace(context, profile=tight), Settings())
    assert result.verdict is Verdict.FAIL and "above the 0.85" in result.reasons[0]


def test_a_model_that_never_saw_the_records_gives_no_hint_and_no_pass(
    town: Town, tmp_path: Path
) -> None:
    (result,) = canary_audit.run(audited(town, tmp_path, town.retrained), Settings())
    assert result.estimates[0].value < 0.5 and (result.estimates[0].p_leak or 0.0) > 0.01
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "never shows" in result.reasons[0]


@pytest.mark.parametrize("coins", [0, 1, 4])
def test_too_few_coins_can_show_nothing(town: Town, tmp_path: Path, coins: int) -> None:
    (result,) = canary_audit.run(audited(town, tmp_path, town.original, coins), Settings())
    assert result.verdict is Verdict.NOT_APPLICABLE and "5 are needed" in result.reasons[0]


def test_without_a_ledger_the_audit_does_not_apply(town: Town, tmp_path: Path) -> None:
    (result,) = canary_audit.run(town.context(tmp_path, town.original), Settings())
    assert result.verdict is Verdict.NOT_APPLICABLE and "ledger" in result.reasons[0]


def test_a_person_has_one_coin_however_many_records(town: Town, tmp_path: Path) -> None:
    context = audited(town, tmp_path, town.original)
    forget = tuple(record.id for record in context.records.forget)
    twin = tuple(record.id for record in context.records.twin_subjects[0])
    write_coins(tmp_path / "coins.jsonl", [Coin(forget, twin)])
    (result,) = canary_audit.run(context, Settings())
    assert result.verdict is Verdict.NOT_APPLICABLE and "1 coins" in result.reasons[0]


def test_a_ledger_that_is_wrong_or_missing_is_refused(town: Town, tmp_path: Path) -> None:
    context = audited(town, tmp_path, town.original)
    write_coins(tmp_path / "coins.jsonl", [Coin((context.records.twins[0].id,), ("x",))])
    with pytest.raises(JobError, match="or a twin was"):
        canary_audit.run(context, Settings())
    (tmp_path / "coins.jsonl").unlink()
    with pytest.raises(JobError, match="missing"):
        canary_audit.run(context, Settings())


def test_the_ledger_and_the_recipe_of_shadow_models_are_part_of_the_plan(
    town: Town, tmp_path: Path
) -> None:
    context = audited(town, tmp_path, town.original)
    (tmp_path / "data").mkdir()
    for name in ("forget", "twins", "neighbours", "retain"):
        write_records(tmp_path / f"data/{name}.jsonl", getattr(context.records, name))
    before = conditions_of(tmp_path, context.job)
    recipe = replace(context.job, shadows=Shadows(count=2))
    assert conditions_of(tmp_path, recipe) != before
    write_coins(tmp_path / "coins.jsonl", [Coin(("a",), ("b",))])
    assert conditions_of(tmp_path, context.job) != before


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"inside": ["a"]}', "line 1: not a coin"),
        ('{"inside": ["a"], "outside": []}', "two sides"),
        ('{"inside": ["a"], "outside": ["a"]}', "more than one coin"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / "coins.jsonl"
    path.write_text(line + "\n\n")
    with pytest.raises(ValueError, match=why):
        read_coins(path)


def test_the_lower_bound_reproduces_the_published_ceilings() -> None:
    ceilings = {10: 1.05, 20: 1.82, 40: 2.55, 100: 3.49, 200: 4.19}
    for guesses, epsilon in ceilings.items():
        assert epsilon_lower_bound(guesses, guesses, guesses) == pytest.approx(epsilon, abs=6e-3)
    assert epsilon_lower_bound(15, 20, 20) == pytest.approx(0.18, abs=6e-3)
    assert epsilon_lower_bound(60, 100, 100) == pytest.approx(0.05, abs=6e-3)
    assert epsilon_lower_bound(10, 20, 20) == 0.0
