from __future__ import annotations

from typing import Any

import pytest

from contract.result import ErrorCode, JobError
from unlearning import models
from unlearning.methods.rmu import steered_layer


def test_the_layer_is_where_the_paper_has_it() -> None:
    assert [steered_layer(None, layers) for layers in (1, 2, 12, 32, 64)] == [0, 1, 3, 7, 14]
    assert steered_layer(3, 4) == 3
    with pytest.raises(JobError, match="no layer 4"):
        steered_layer(4, 4)


@pytest.mark.training
def test_only_the_last_mlp_layers_up_to_the_steered_one_change(
    whole: Any, make_job: Any, completed: Any
) -> None:
    quick = {"learning_rate": 1e-2, "steps": 3, "forget_batch": 8, "retain_batch": 8}
    for layer, expected in ((0, {"0"}), (None, {"0", "1"})):
        folder = make_job("rmu", whole, {**quick, "layer": layer}, name=f"layer-{layer}")
        completed(folder)
        before, after = (
            dict(models.load_model(path, "cpu").named_parameters())  # type: ignore[arg-type]
            for path in (whole.path, folder / "output")
        )
        changed = {name for name in before if not before[name].equal(after[name])}
        assert all(name.endswith("mlp.down_proj.weight") for name in changed)
        assert {name.split(".")[2] for name in changed} == expected


@pytest.mark.training
def test_a_fixed_coefficient_needs_no_states_of_the_forget_records(
    whole: Any, make_job: Any, completed: Any, failed: Any
) -> None:
    quick = {"learning_rate": 1e-2, "steps": 3, "retain_batch": 8, "steering_coefficient": 6.5}
    completed(make_job("rmu", whole, quick))
    failure = failed(make_job("rmu", whole, {**quick, "layer": 2}, name="deep")).failure
    assert failure.code is ErrorCode.BAD_JOB and "2 layers" in failure.message
