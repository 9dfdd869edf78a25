"""The search: it bisects by what is wrong, judges in private, and resumes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract.catalog import Axis
from contract.record import Record
from contract.result import ErrorCode
from unlearning import models
from unlearning.data import encode
from unlearning.registry import methods
from unlearning.search import (
    RUINED,
    Judge,
    Judgement,
    JudgeSettings,
    search,
    split_twins,
    strength_at,
)

RATE = Axis("learning_rate", 1e-5, 1e-1)
SHARE = Axis("alpha", 0.5, 1.0, logarithmic=False)
NOTHING_WRONG = Judgement(0.5, 0.5, 0.0)


def told(strength: float, wanted: float, width: float = 1.3) -> Judgement:
    """Return what a method shows that needs a strength near ``wanted``."""
    if strength < wanted / width:
        return Judgement(1.0, 1.0, 0.0)
    return NOTHING_WRONG if strength <= wanted * width else Judgement(0.5, 0.5, 3.0)


def test_an_axis_runs_from_gentle_to_harsh_in_readable_numbers() -> None:
    assert [strength_at(RATE, place) for place in (0, 0.5, 1)] == [1e-5, 1e-3, 1e-1]
    assert [strength_at(SHARE, place) for place in (0, 0.5, 1)] == [0.5, 0.75, 1.0]


@given(place=st.floats(0, 1))
def test_a_strength_within_reach_is_found_with_few_trials(place: float) -> None:
    wanted = strength_at(RATE, place)
    best, tried = search(RATE, 6, lambda _, strength: told(strength, wanted))
    assert best.judgement.fault == 0 and len(tried) <= 6
    assert best is tried[-1]


def test_no_trial_is_made_beyond_the_budget_and_the_least_faulty_is_kept() -> None:
    faults = iter([(0.9, 0.9, 0.0), (0.7, 0.7, 0.0), (0.5, 0.9, 0.0)])
    best, tried = search(RATE, 3, lambda *_: Judgement(*next(faults)))
    assert [trial.number for trial in tried] == [0, 1, 2] and best.number == 1
    assert [trial.strength for trial in tried] == sorted(trial.strength for trial in tried)


def test_too_harsh_means_lost_or_over_forgotten_or_ruined() -> None:
    for harsh in (Judgement(0.5, 0.5, 1.0), Judgement(0.1, 0.3, 0.0), RUINED):
        assert harsh.harmed > harsh.remembered == 0
    for gentle in (Judgement(0.9, 0.9, 0.0), Judgement(0.5, 0.9, 0.1)):
        assert gentle.remembered > gentle.harmed == 0


def test_relearning_less_than_a_stranger_is_no_fault() -> None:
    assert Judgement(0.5, 0.2, 0.0).fault == 0


def test_twins_are_dealt_by_path_and_alike_for_a_seed() -> None:
    twins = [Record(f"{path}-{place}", (path,)) for path in "abcd" for place in range(3)]
    stopping, judging = split_twins(twins, seed=1)
    assert {item.path for item in stopping}.isdisjoint(item.path for item in judging)
    assert len(stopping) == len(judging) == 6
    assert split_twins(twins, seed=1) == (stopping, judging)


def test_every_removal_method_that_trains_declares_its_axis() -> None:
    for name, item in methods().items():
        axis = item.card.axis
        if item.objective is not None:
            assert axis is not None, name
        if axis is not None:
            assert axis.setting in item.card.settings["properties"], name
            assert axis.low < axis.high


@pytest.mark.training
def test_the_judge_finds_what_is_remembered_and_what_is_not(whole: Any, clinic: Any) -> None:
    tokenizer = models.load_tokenizer(whole.path)

    def judged(forget: Any) -> Judgement:
        model = models.load_model(whole.path, torch.device("cpu"))
        judge = Judge(
            forget=_encoded(tokenizer, forget),
            twins=_encoded(tokenizer, clinic.calibration),
            retain=_encoded(tokenizer, clinic.retain),
            before=0.0,
            settings=JudgeSettings(steps=6),
            device=torch.device("cpu"),
            rate=1e-3,
            seed=0,
        )
        return judge(model)

    kept, stranger = judged(clinic.forget), judged(clinic.dataset.split_twins()[1])
    assert kept.remembered > 0.3 > stranger.remembered


def _encoded(tokenizer: Any, records: Any) -> Any:
    return encode(tokenizer, records, ["question"])


@pytest.mark.training
def test_a_searched_job_reports_its_trials_and_keeps_the_best(
    whole: Any, make_job: Any, completed: Any
) -> None:
    quick = {"steps": 20, "forget_batch": 8, "retain_batch": 8}
    result = completed(make_job("searched", whole, {"settings": quick, "budget": 2}))
    assert result.metrics["search_trials"] <= 2
    assert RATE.low <= result.metrics["search_learning_rate"] <= RATE.high
    assert {"search_rank", "search_relearned", "search_lost", "search_seconds"} <= set(
        result.metrics
    )
    assert "learning_rate" in result.notes[-1] or "learning_rate" in result.notes[-2]


def test_a_method_without_an_axis_cannot_be_searched(
    whole: Any, make_job: Any, failed: Any
) -> None:
    failure = failed(make_job("searched", whole, {"method": "retrain"})).failure
    assert failure.code is ErrorCode.BAD_JOB


def test_a_search_needs_never_trained_people_for_two_sides(
    whole: Any, clinic: Any, make_job: Any, failed: Any
) -> None:
    one = [item for item in clinic.calibration if item.path == clinic.calibration[0].path]
    failure = failed(make_job("searched", whole, calibration=one)).failure
    assert failure.code is ErrorCode.DATA_MISSING
