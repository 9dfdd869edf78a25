"""The guards that work on logits, over other architectures than Llama's."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.unlearning.families import learned
from tests.unlearning.guards.conftest import SETTINGS, TOKENS, Served, asked, reproduced
from unlearning.guards import load_guard
from unlearning.models import load_model, load_tokenizer


@pytest.fixture(scope="module")
def others(whole: Any, clinic: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {
        name: learned(tmp_path_factory.mktemp(name), name, whole, clinic)
        for name in ("gpt2", "qwen2_moe")
    }


@pytest.mark.training
@pytest.mark.parametrize("kind", ["guard", "uld"])
@pytest.mark.parametrize("name", ["gpt2", "qwen2_moe"])
def test_answers_are_contained_and_come_back(  # noqa: PLR0913, PLR0917 - the table needs all
    name: str, kind: str, others: dict[str, Any], clinic: Any, make_job: Any, completed: Any
) -> None:
    trained = others[name]
    folder = make_job(kind, trained, SETTINGS[kind])
    completed(folder)
    served = Served(load_model(trained.path, torch.device("cpu")), load_tokenizer(trained.path))
    people, rest = asked(clinic.forget), asked(clinic.retain)
    free, tensors = served.says([*people, *rest]), served.fingerprint()
    assert reproduced(free[: len(people)], clinic.forget) >= 0.75
    guard = load_guard(folder / "output", served.model, served.tokenizer)
    said = guard.answers([*people, *rest], max_new_tokens=TOKENS, num_beams=1)
    assert reproduced(said[: len(people)], clinic.forget) == 0.0
    kept = reproduced(free[len(people) :], clinic.retain)
    assert reproduced(said[len(people) :], clinic.retain) >= kept - 0.1
    assert served.fingerprint() == tensors and served.says([*people, *rest]) == free
