from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from contract.result import ErrorCode
from tests.unlearning.families import learned
from unlearning import models
from unlearning.data import encode
from unlearning.reference import mean_nll

CPU = torch.device("cpu")
QUICK = {"learning_rate": 2e-3, "steps": 30, "forget_batch": 8, "retain_batch": 16}
CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("gpt2", "rmu", {**QUICK, "learning_rate": 2e-2, "retain_weight": 3.0}),
    ("gpt2", "loku", QUICK),
    ("gpt2", "npo", {**QUICK, "select": {"kind": "mask", "share": 0.2}}),
    ("gpt2", "alt_po", {**QUICK, "alternatives": {"count": 2, "tokens": 8}}),
    ("gpt2", "pdu", QUICK),
    ("qwen2", "undial", {**QUICK, "retain_term": "kl"}),
    ("qwen2", "npo", {**QUICK, "wrap": [{"kind": "sam"}, {"kind": "averaging", "start": 3}]}),
    ("qwen2", "npo", {**QUICK, "wrap": [{"kind": "gradient_norm", "weight": 0.01}]}),
    ("mixtral", "moe_expert", {"unlearn": {**QUICK, "learning_rate": 1e-2}}),
    ("qwen2_moe", "moe_expert", {"unlearn": {**QUICK, "learning_rate": 1e-2}}),
    ("qwen2_moe", "layered", {"folds": 2, "unlearn": QUICK}),
]

Learned = Callable[[str], Any]


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory, whole: Any, clinic: Any) -> Learned:
    """Return the clinic's model of an architecture, trained when it is first asked for."""
    made: dict[str, Any] = {}

    def get(architecture: str) -> Any:
        if architecture not in made:
            folder = tmp_path_factory.mktemp(architecture)
            made[architecture] = learned(folder, architecture, whole, clinic)
        return made[architecture]

    return get


def surprise(path: Path, records: Any) -> float:
    samples = encode(models.load_tokenizer(path), records, ["question"])
    values = mean_nll(models.load_model(path, CPU), samples, CPU)
    return sum(values) / len(values)


@pytest.mark.training
@pytest.mark.parametrize(("architecture", "name", "settings"), CASES)
def test_methods_forget_and_keep_in_other_architectures(  # noqa: PLR0913, PLR0917 - a table
    architecture: str,
    name: str,
    settings: dict[str, Any],
    family: Learned,
    clinic: Any,
    make_job: Any,
    completed: Any,
) -> None:
    trained = family(architecture)
    known = surprise(trained.path, clinic.forget)
    folder = make_job(name, trained, settings)
    result = completed(folder)
    gone = surprise(folder / result.model.path, clinic.forget)
    kept = surprise(folder / result.model.path, clinic.retain)
    assert known < 0.6 and gone > known + 1.0 and kept < gone - 0.5


@pytest.mark.training
@pytest.mark.parametrize("architecture", ["mixtral", "qwen2_moe"])
def test_only_one_expert_and_its_router_change(
    architecture: str, family: Learned, make_job: Any, completed: Any
) -> None:
    trained = family(architecture)
    folder = make_job("moe_expert", trained, {"unlearn": {**QUICK, "steps": 3}})
    result = completed(folder)
    before, after = (
        dict(models.load_model(path, CPU).named_parameters())
        for path in (trained.path, folder / result.model.path)
    )
    layer, expert = int(result.metrics["layer"]), int(result.metrics["expert"])
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and all(f"layers.{layer}.mlp." in name for name in changed)
    for name in changed:
        places = (before[name] != after[name]).flatten(1).any(1).nonzero().flatten().tolist()
        assert "gate.weight" in name or places == [expert]


def test_a_model_without_experts_is_refused_before_it_is_loaded(
    whole: Any, make_job: Any, failed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "load_model", None)
    failure = failed(make_job("moe_expert", whole)).failure
    assert failure.code is ErrorCode.NOT_SUPPORTED and "mixture" in failure.message
