"""Membership attacks on small real models: who was trained on is told, who was not is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from contract.record import Form
from contract.report import CheckResult, Estimate, Verdict
from tests.verification.town import Town, fresh
from verification.checks.extended_membership import Settings as Closer
from verification.checks.extended_membership import extended_membership
from verification.checks.membership import Settings, membership
from verification.perturbed import Frequencies, copies_of, prefix_of, prefixed
from verification.separation import (
    Scored,
    area,
    caught,
    odds,
    privacy_leak,
    separation_verdict,
)
from verification.signals import NotFiniteError, Signals
from verification.signals.gradients import gradient_norms
from verification.spec import Context

CLOSER = Closer(copies=4)


def by_name(result: CheckResult) -> dict[str, Estimate]:
    return {item.name.removesuffix(", AUC"): item for item in result.estimates}


def few_twins(context: Context, people: int) -> Context:
    kept = context.records.twin_subjects[:people]
    twins = tuple(record for person in kept for record in person)
    return replace(context, records=replace(context.records, twins=twins))


def test_every_attack_tells_a_person_who_is_still_in(town: Town, tmp_path: Path) -> None:
    context = town.context(tmp_path, town.original, references=(town.retrained,))
    (plain,) = membership.run(context, Settings())
    (closer,) = extended_membership.run(context, CLOSER)
    for result in (plain, closer):
        assert result.verdict is Verdict.FAIL and result.records == 12
        areas = [item for item in result.estimates if item.name.endswith("AUC")]
        assert all(item.value > 0.85 for item in areas)
        assert [item.value for item in result.before] == pytest.approx(
            [item.value for item in areas[: len(result.before)]]
        )
    assert {"Reference attack", "Loss attack, kind of fact taken out"} <= set(by_name(plain))
    leak = next(item for item in plain.estimates if item.name.startswith("PrivLeak"))
    assert "against the references" in leak.name and leak.value < -80.0


def test_no_attack_tells_a_person_who_never_was_in(town: Town, tmp_path: Path) -> None:
    context = town.context(tmp_path, town.retrained)
    (plain,) = membership.run(context, Settings())
    (closer,) = extended_membership.run(context, CLOSER)
    for result in (plain, closer):
        assert result.verdict is not Verdict.FAIL
        judged = [item for item in result.estimates if item.margin is not None]
        assert all((item.p_leak or 0.0) > 0.01 for item in judged)
        assert all(abs(item.value - 0.5) < 0.25 for item in judged)


def test_what_is_only_reported_cannot_decide(town: Town, tmp_path: Path) -> None:
    (result,) = membership.run(town.context(tmp_path, town.original), Settings())
    described = [item for item in result.estimates if item.margin is None]
    assert len(described) == 2 + 2 * 4
    assert all(item.p_leak is item.p_equivalence is None for item in described)


def test_all_likelihood_attacks_share_one_pass_per_record_and_model(
    town: Town, tmp_path: Path
) -> None:
    context = town.context(tmp_path, town.retrained)
    membership.run(context, Settings())
    assert context.signals.forward_passes == 2 * (12 + 8 * 12)


def test_the_company_of_recall_is_compared_with_nobody(town: Town, tmp_path: Path) -> None:
    context = town.context(tmp_path, town.retrained)
    (result,) = extended_membership.run(context, Closer(attacks=("recall",)))
    assert result.controls == 72  # 80 at most, in whole people, and one of eight lends the prefix
    assert "72 of 12 records and 96 of strangers" in result.reading


@pytest.mark.parametrize("people", [0, 1, 2])
def test_too_few_people_to_compare_with_is_inconclusive_and_says_what_helps(
    town: Town, tmp_path: Path, people: int
) -> None:
    context = few_twins(town.context(tmp_path, town.original), people)
    (closer,) = extended_membership.run(context, CLOSER)
    assert closer.verdict is Verdict.INCONCLUSIVE and "more people" in closer.reasons[0]
    if people < 2:
        (plain,) = membership.run(context, Settings())
        assert plain.verdict is Verdict.INCONCLUSIVE and "more people" in plain.reasons[0]


def test_a_model_without_room_for_company_is_inconclusive(town: Town, tmp_path: Path) -> None:
    short = town.retrained.copied("short")
    short.model.config.max_position_embeddings = 12
    attack = Closer(attacks=("recall",))
    (result,) = extended_membership.run(town.context(tmp_path, short), attack)
    assert result.verdict is Verdict.INCONCLUSIVE and "too short" in result.reasons[0]


def test_gradient_norms_are_those_of_one_plain_backward_pass(town: Town) -> None:
    model, form = town.original, town.person(0)[0].forms["question"]
    signals = Signals()
    found = gradient_norms(signals, model, {"a": form, "b": form})
    assert signals.forward_passes == 1  # the same text is asked once
    encoded = model.encode(form)
    ids = torch.tensor([encoded.ids])
    labels = ids.clone()
    labels[:, : encoded.start] = -100
    copy = model.copied("copy").model
    copy(input_ids=ids, labels=labels).loss.backward()
    expected = [float(item.grad.norm()) for item in copy.parameters()]
    np.testing.assert_allclose(found["a"], expected, rtol=1e-4)
    assert all(item.grad is None for item in model.model.parameters())


def test_frozen_and_broken_models_have_no_gradient_score(town: Town) -> None:
    form = {"a": town.person(0)[0].forms["question"]}
    frozen = town.original.copied("frozen")
    frozen.model.requires_grad_(requires_grad=False)
    with pytest.raises(ValueError, match="no tensor"):
        gradient_norms(Signals(), frozen, form)
    broken = town.original.copied("broken")
    with torch.no_grad():
        next(broken.model.parameters()).fill_(float("nan"))
    with pytest.raises(NotFiniteError):
        gradient_norms(Signals(), broken, form)


def test_copies_change_the_wanted_share_and_are_the_same_in_any_company() -> None:
    model, form = fresh("blank", 0), Form("what k1 of f1 l1 ?", "w1 w2 w3 .")
    common = Frequencies.of(model, [Form("", "w5 w5 w6"), Form("", "w1")])
    copies = list(copies_of(model, form, common, copies=8, share=0.5, seed=1))
    truth = model.encode(form).answer
    changes = [
        sum(one != two for one, two in zip(truth, model.encode(copy).answer, strict=True))
        for copy in copies
    ]
    assert changes == [2] * 8  # every exchanged token became another one
    assert {word for copy in copies for word in copy.answer.split()} <= {
        *("w1", "w2", "w3", "."),
        *("w5", "w6"),
    }
    assert copies == list(copies_of(model, form, common, copies=8, share=0.5, seed=1))
    assert copies != list(copies_of(model, form, common, copies=8, share=0.5, seed=2))
    with pytest.raises(ValueError, match="no other people"):
        next(copies_of(model, form, Frequencies.of(model, []), copies=1, share=0.5, seed=1))


def test_frequencies_are_smoothed_shares_of_the_answers() -> None:
    model = fresh("blank", 0)
    common = Frequencies.of(model, [Form("w9 w9", "w5 w5 w6")])
    token = model.encode(Form("?", "w5")).answer[0]
    unseen = model.encode(Form("?", "w9")).answer[0]
    assert common.share(token) == 3 / (3 + model.vocabulary)
    assert common.share(unseen) == 1 / (3 + model.vocabulary)


def test_a_prefix_is_cut_to_what_fits_before_the_longest_record() -> None:
    model = fresh("blank", 0)
    company = [Form("what k1 of f1 l1 ?", " w1 w2 .")] * 20
    form = Form("what k2 of f2 l2 ?", " w3 w4 .")
    prefix = prefix_of(model, company, [form], 20)
    assert prefix is not None and prefix.count("\n") == (128 - 9) // 9
    assert len(model.encode(prefixed(prefix, form)).ids) <= 128
    assert prefix_of(model, company, [form], 2) == "what k1 of f1 l1 ? w1 w2 .\n" * 2


def test_the_area_fails_on_both_sides_and_passes_only_when_shown() -> None:
    rng = np.random.default_rng(0)
    twins = [rng.normal(size=8) for _ in range(10)]
    verdicts = {}
    for name, shift in (("known", 3.0), ("strange", -3.0), ("alike", 0.0)):
        scored = Scored(rng.normal(size=30) + shift, twins)
        verdicts[name] = separation_verdict([area(name, scored, 0.25, 0.05)], 0.05)
    assert verdicts["known"][0] is verdicts["strange"][0] is Verdict.FAIL
    assert "over-forgetting" in verdicts["strange"][1][0]
    assert verdicts["alike"] == (Verdict.PASS, ())
    few = Scored(rng.normal(size=3), [rng.normal(size=3) for _ in range(3)])
    assert separation_verdict([area("few", few, 0.25, 0.05)], 0.05)[0] is Verdict.INCONCLUSIVE


def test_few_false_alarms_are_counted_strictly_and_the_floor_is_named() -> None:
    # Ten twins: 0 of them may be above at fewer than 10 % false alarms, so 2 of 4 are caught.
    scored = Scored(np.array([9.0, 11.0, 12.0, 3.0]), [np.arange(5.0), np.arange(5.0, 10.5, 1.1)])
    found = caught("Loss", scored, 0.1, 0.05)
    assert found.value == 0.5 and found.low is not None and found.low < 0.5
    assert "finest step 10.0%" in found.name and found.null == 0.1


def test_an_attacker_who_finds_the_records_strange_guesses_the_other_way_round() -> None:
    assert odds(Estimate("x", 0.1)) == odds(Estimate("x", 0.9)) == "90%"


def test_priv_leak_turns_the_interval_round_and_knows_its_reference() -> None:
    found = privacy_leak(Estimate("x", 0.7, 0.6, 0.9))
    assert (found.value, found.low, found.high) == pytest.approx((-40.0, -80.0, -20.0))
    assert privacy_leak(Estimate("x", 0.6, 0.6, 0.6), [0.5, 0.7]).value == pytest.approx(0.0)
