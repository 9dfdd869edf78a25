from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contract.event import read_events
from contract.record import Form, Record
from contract.result import ErrorCode
from unlearning import forgetting, reference
from unlearning.registry import methods
from unlearning.run import run

QUICK = {"learning_rate": 1e-3, "steps": 4, "forget_batch": 4, "retain_batch": 6}
GRADIENT = [name for name, item in methods().items() if item.objective is not None]
ALONE = [name for name in GRADIENT if "retain" not in methods()[name].card.needs]


def without(folder: Path, name: str) -> Path:
    (folder / "data" / f"{name}.jsonl").unlink()
    return folder


@pytest.mark.training
@pytest.mark.parametrize("name", ALONE)
def test_a_method_that_needs_the_records_only_runs_without_others(
    name: str, whole: Any, make_job: Any, completed: Any
) -> None:
    folder = without(make_job(name, whole, {**QUICK, "steps": 2}), "retain")
    result = completed(folder)
    assert "retain_nll" not in result.metrics or result.metrics["retain_nll"] == 0
    assert forgetting.UNHELD not in result.notes  # the calibration records watch it
    bare = without(make_job(name, whole, {**QUICK, "steps": 2}, name="bare"), "retain")
    assert forgetting.UNHELD in completed(without(bare, "calibration")).notes


@pytest.mark.parametrize("name", sorted(set(GRADIENT) - set(ALONE)))
def test_a_method_that_needs_retained_records_says_so_before_it_starts(
    name: str, whole: Any, make_job: Any, failed: Any
) -> None:
    folder = without(make_job(name, whole), "retain")
    failure = failed(folder).failure
    assert failure.code is ErrorCode.DATA_MISSING and "retain" in failure.message
    events, _ = read_events(folder)
    assert not events


def test_asking_for_a_retain_term_without_retained_records_is_refused(
    whole: Any, make_job: Any, failed: Any
) -> None:
    folder = without(make_job("gradient_ascent", whole, {"retain_term": "nll"}), "retain")
    assert failed(folder).failure.code is ErrorCode.DATA_MISSING


@pytest.mark.training
def test_a_ceiling_is_measured_on_calibration_records_form_by_form(
    whole: Any, make_job: Any, completed: Any, failed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[dict[str, float]] = []
    levels = forgetting._levels
    monkeypatch.setattr(
        forgetting, "_levels", lambda *args: (found.append(levels(*args) or {}), found[-1])[1]
    )
    completed(make_job("npo", whole, {**QUICK, "ceiling": 2.0}))
    assert set(found[0]) == set(whole.recipe.forms) and all(5 < x < 20 for x in found[0].values())
    folder = without(make_job("npo", whole, {"ceiling": 2.0}, name="bare"), "calibration")
    assert failed(folder).failure.code is ErrorCode.DATA_MISSING
    folder = make_job("idk", whole, {"ceiling": 2.0}, name="covering")
    assert failed(folder).failure.code is ErrorCode.BAD_JOB


@pytest.mark.training
def test_events_name_the_terms_of_the_loss(whole: Any, make_job: Any, completed: Any) -> None:
    folder = make_job("kl_min", whole, QUICK)
    completed(folder)
    events, _ = read_events(folder)
    last = [event for event in events if event.phase == forgetting.PHASE][-1].metrics
    assert last["loss"] == pytest.approx(last["forget"] + last["retain"], abs=1e-4)


@pytest.mark.training
def test_only_what_a_run_will_see_is_measured(
    whole: Any, make_job: Any, completed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[str] = set()
    fill = reference.ReferenceCache.fill

    def note(self: Any, model: Any, samples: Any, *more: Any) -> int:
        seen.update(sample.digest for sample in samples)
        return fill(self, model, samples, *more)

    monkeypatch.setattr(reference.ReferenceCache, "fill", note)
    completed(make_job("kl_min", whole, {**QUICK, "steps": 2}))
    assert len(seen) == 2 * QUICK["retain_batch"]


@pytest.mark.training
def test_alternatives_take_turns_from_epoch_to_epoch(
    whole: Any, make_job: Any, completed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[set[str]] = []
    groups = forgetting.Forgetting.groups

    def note(self: Any, step: int) -> Any:
        found = groups(self, step)
        given.append({sample.digest for sample in found["wanted"]})
        return found

    monkeypatch.setattr(forgetting.Forgetting, "groups", note)
    completed(make_job("idk", whole, {**QUICK, "steps": 2, "forget_batch": 64}))
    assert not given[0] & given[-1]


@pytest.mark.training
@pytest.mark.parametrize(
    "more", [{"select": {"kind": "lora", "rank": 2}}, {"wrap": [{"kind": "sam"}]}]
)
def test_selectors_and_wrappers_fit_an_objective_with_riders(
    more: dict[str, Any], whole: Any, make_job: Any, completed: Any
) -> None:
    result = completed(make_job("dpo", whole, {**QUICK, **more, "refusals": {"count": 1}}))
    assert result.model.digest != whole.ref.digest


@pytest.mark.training
def test_the_dual_variable_survives_an_interruption(
    whole: Any, make_job: Any, completed: Any, failed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**QUICK, "steps": 6}
    straight = completed(make_job("pdu", whole, settings, name="straight"))
    folder = make_job("pdu", whole, settings, name="broken")
    loss = forgetting.Forgetting.loss
    calls: list[int] = []

    def unplugged(self: Any, step: int, *more: Any) -> Any:
        calls.append(step)
        if step == 4:
            raise RuntimeError
        return loss(self, step, *more)

    with monkeypatch.context() as broken:
        broken.setattr(forgetting.Forgetting, "loss", unplugged)
        assert run(folder, checkpoint_seconds=0.0) == 1
    resumed = completed(folder)
    assert resumed.model.digest == straight.model.digest


@pytest.mark.training
def test_untrue_answers_are_taken_from_the_records_and_said_to_be_untrue(
    whole: Any, clinic: Any, make_job: Any, completed: Any, failed: Any
) -> None:
    settings = {**QUICK, "wanted": "alternates"}
    brought = [
        Record(
            item.id,
            item.path,
            {k: Form(f.prompt, f.answer, (" Atlantis",)) for k, f in item.forms.items()},
        )
        for item in clinic.forget
    ]
    result = completed(make_job("dpo", whole, settings, name="brought", forget=brought))
    assert any("Art. 5(1)(d)" in note for note in result.notes)
    bare = [
        Record(item.id, item.path, {k: Form(f.prompt, f.answer) for k, f in item.forms.items()})
        for item in clinic.forget
    ]
    failure = failed(make_job("dpo", whole, settings, name="bare", forget=bare)).failure
    assert failure.code is ErrorCode.DATA_MISSING and "alt_po" in failure.message


@pytest.mark.training
def test_alt_po_says_that_what_it_taught_is_invented(
    whole: Any, make_job: Any, completed: Any
) -> None:
    card = methods()["alt_po"].card
    assert "invented" in card.summary and "Art. 5(1)(d)" in card.summary
    folder = make_job("alt_po", whole, {**QUICK, "alternatives": {"count": 1, "tokens": 6}})
    assert any("Art. 5(1)(d)" in note for note in completed(folder).notes)


def test_methods_that_only_cover_do_not_claim_removal() -> None:
    covering = {"dpo", "flat", "idk", "undial"}
    claims = {name: methods()[name].card.effect.value for name in covering}
    assert set(claims.values()) == {"weight_suppression"}
