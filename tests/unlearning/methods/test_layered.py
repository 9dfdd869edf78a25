from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unlearning import registry
from unlearning.methods import layered
from unlearning.methods.layered import deal

QUICK = {"learning_rate": 1e-3, "steps": 2, "forget_batch": 8, "retain_batch": 16}


def test_records_are_dealt_once_each_into_folds_of_like_size(clinic: Any) -> None:
    records = clinic.trained
    folds = deal(records, 3, seed=1)
    assert sorted(item.id for fold in folds for item in fold) == sorted(r.id for r in records)
    assert max(map(len, folds)) - min(map(len, folds)) <= 1
    assert folds == deal(records, 3, seed=1) != deal(records, 3, seed=2)


def test_there_are_no_more_folds_than_records(clinic: Any) -> None:
    assert [len(fold) for fold in deal(clinic.trained[:2], 5, seed=0)] == [1, 1]


@pytest.mark.training
def test_every_stage_forgets_one_fold_more_and_keeps_the_later_ones(
    whole: Any, clinic: Any, make_job: Any, completed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[set[str], set[str], Path]] = []
    forget_records = layered.forget_records

    def spy(context: Any, *rest: Any) -> Any:
        own = {kind: {item.id for item in context.records(kind)} for kind in ("forget", "retain")}
        seen.append((own["forget"], own["retain"], context.work))
        return forget_records(context, *rest)

    monkeypatch.setattr(layered, "forget_records", spy)
    result = completed(make_job("layered", whole, {"folds": 2, "unlearn": QUICK}))
    everybody = {item.id for item in clinic.trained}
    (first, kept, one), (both, rest, two) = seen
    assert first < both == {item.id for item in clinic.forget}
    assert first | kept == both | rest == everybody
    assert not first & kept and not both & rest and one != two
    assert result.metrics["folds"] == 2 and result.metrics["forgetting_steps"] == 4


def test_the_inner_method_must_be_a_gradient_method(whole: Any, make_job: Any, failed: Any) -> None:
    failure = failed(make_job("layered", whole, {"inner": "retrain"})).failure
    assert "retrain" in failure.message
    assert registry.methods()["layered"].objective is None
