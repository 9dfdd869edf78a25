"""Shadow models: who is in which, what is kept of them, and what the attacks make of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from contract.job import ModelRef, Shadows
from contract.manifest import folder_digest
from contract.report import Verdict
from contract.result import JobError
from tests.verification.town import Town
from verification import shadows
from verification.checks.shadow_membership import Settings, shadow_membership
from verification.families.causal_lm import CausalLM
from verification.shadows import halves, people_asked, shadows_of
from verification.spec import Context

PLAN = Shadows(count=4, steps=50, batch=96, learning_rate=1e-2)
TINY = replace(PLAN, count=2, steps=1)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which shadow models' answers stay for all tests of this file."""
    return tmp_path_factory.mktemp("kept")


def context_of(town: Town, folder: Path, candidate: CausalLM, plan: Shadows | None) -> Context:
    context = town.context(folder, candidate)
    return replace(context, job=replace(context.job, shadows=plan))


def test_everybody_is_in_half_of_the_models_by_lot() -> None:
    seen = halves(8, 50, seed=1)
    assert (seen.sum(axis=0) == 4).all()
    assert 15 < seen[0].sum() < 35
    assert (seen == halves(8, 50, seed=1)).all() and (seen != halves(8, 50, seed=2)).any()


def test_the_person_and_the_twins_are_told_or_not_by_all_calibrated_attacks(
    town: Town, kept: Path
) -> None:
    (still,) = shadow_membership.run(context_of(town, kept, town.original, PLAN), Settings())
    assert still.verdict is Verdict.FAIL
    areas = [item for item in still.estimates if item.margin is not None]
    assert len(areas) == 5 and all(item.value > 0.85 for item in areas)
    (gone,) = shadow_membership.run(context_of(town, kept, town.retrained, PLAN), Settings())
    assert gone.verdict is not Verdict.FAIL
    assert all((item.p_leak or 0.0) > 0.01 for item in gone.estimates if item.margin is not None)
    assert [item.value for item in gone.before] == [item.value for item in areas]


def test_a_record_is_likelier_in_models_that_saw_it(town: Town, kept: Path) -> None:
    context = context_of(town, kept, town.retrained, PLAN)
    found = shadows_of(context, PLAN)
    assert len(found) == 4
    asked = (*context.records.forget, *context.records.twins)
    gains = []
    for record in asked:
        inside = [item.scores[record.id] for item in found if record.id in item.inside]
        outside = [item.scores[record.id] for item in found if record.id not in item.inside]
        assert len(inside) == len(outside) == 2
        gains.append(sum(inside) - sum(outside))
    assert sum(gain > 0 for gain in gains) > 0.9 * len(gains)


def test_what_is_there_is_not_trained_again_and_what_is_missing_is(
    town: Town, tmp_path: Path
) -> None:
    context = context_of(town, tmp_path, town.original, TINY)
    first = shadows_of(context, TINY)
    work = context.signals.forward_passes
    assert shadows_of(context, TINY) == first
    assert context.signals.forward_passes == work
    files = sorted(tmp_path.rglob("shadows/*/*.json"))
    assert [path.name for path in files] == ["0.json", "1.json"]
    files[1].write_text("{half a fi")
    assert shadows_of(context, TINY) == first
    assert work < context.signals.forward_passes < 2 * work  # only the second one
    other = replace(TINY, steps=2)
    assert shadows_of(context_of(town, tmp_path, town.original, other), other) != first


def test_changed_texts_are_never_answered_from_what_was_kept(town: Town, tmp_path: Path) -> None:
    context = context_of(town, tmp_path, town.original, TINY)
    shadows_of(context, TINY)
    work = context.signals.forward_passes
    changed = replace(context.records.forget[0], forms=context.records.forget[1].forms)
    forget = (changed, *context.records.forget[1:])
    shadows_of(replace(context, records=replace(context.records, forget=forget)), TINY)
    assert context.signals.forward_passes > work


def test_nothing_but_numbers_is_kept_of_a_shadow_model(town: Town, tmp_path: Path) -> None:
    context = context_of(town, tmp_path, town.original, TINY)
    shadows_of(context, TINY)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".jsonl"}
    text = "".join(path.read_text() for path in files)
    for record in context.records.forget:
        assert record.id not in text and record.forms["question"].answer not in text
    content = json.loads(next(path for path in files if path.name == "0.json").read_text())
    assert len(content["scores"]) == len(context.records.forget) + len(context.records.twins)


def test_shadow_models_are_trained_on_halves_and_on_no_tested_person_twice(
    town: Town, tmp_path: Path
) -> None:
    context = context_of(town, tmp_path, town.original, TINY)
    others = shadows._others(context, TINY, 0)
    subjects = {record.subject(1) for record in others}
    assert len(subjects) == 3  # half of the seven others
    assert not subjects & {person[0].subject(1) for person in people_asked(context)}
    assert shadows._others(context, replace(TINY, records=5), 0) == others[:5]


def test_shadow_models_start_from_the_base_that_was_named(town: Town, tmp_path: Path) -> None:
    base = tmp_path / "base"
    town.original.model.save_pretrained(base)
    town.original.tokenizer.save_pretrained(base)
    plan = replace(TINY, base=ModelRef(str(base), folder_digest(base)))
    context = context_of(town, tmp_path, town.original, plan)
    known, blank = shadows_of(context, plan)[0], shadows_of(context, TINY)[0]
    # The base knows the person by heart, and one step does not change that.
    for record in context.records.forget:
        assert known.scores[record.id] > blank.scores[record.id] + 1.0
    (base / "more.txt").write_text("Mallory was here")
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    with pytest.raises(JobError, match="not the one that was named"):
        shadows_of(context_of(town, fresh, town.original, plan), plan)


def test_an_odd_number_of_models_has_no_halves(town: Town, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="even"):
        shadows_of(town.context(tmp_path, town.original), replace(TINY, count=3))


def test_references_stand_in_for_the_world_without(town: Town, tmp_path: Path) -> None:
    one, two = town.retrained, town.model("other", range(2, 8))
    context = town.context(tmp_path, town.original, references=(one, two))
    (result,) = shadow_membership.run(context, Settings())
    names = [item.name for item in result.estimates if item.margin is not None]
    assert names == [
        "LiRA, the world without, AUC",
        "RMIA, the world without, AUC",
        "Reference ranks, AUC",
    ]
    assert result.verdict is Verdict.FAIL and "2 models" in result.reading
    (alone,) = shadow_membership.run(replace(context, references=(one,)), Settings())
    assert [item.name for item in alone.estimates if item.margin is not None] == [names[1]]


def test_nothing_to_calibrate_with_is_not_applicable_and_says_what_to_name(
    town: Town, tmp_path: Path
) -> None:
    (result,) = shadow_membership.run(town.context(tmp_path, town.original), Settings())
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert "recipe of shadow models" in result.reasons[0]
