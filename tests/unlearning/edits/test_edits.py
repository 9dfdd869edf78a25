"""Edits on whole models of several architectures: they change what they say and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from contract.job import ModelRef, Recipe, UnlearningJob
from contract.manifest import folder_digest
from contract.record import Form, Record
from contract.result import ErrorCode, Result, read_result
from tests.unlearning.conftest import build_job
from tests.verification import tiny
from unlearning.run import run

FORGET = [
    Record(f"f{number}", ("ward", "ba", f"study {number}"), {"q": Form("aa ba ac", answer)})
    for number, answer in enumerate(["ca cb", "cc cd"])
]
RETAIN = [
    Record(f"r{number}", ("ward", "bb", "study"), {"q": Form("aa bb ad", answer)})
    for number, answer in enumerate(["da db", "dc dd", "de df"])
]


def edited(
    folder: Path, family: str, method: str, retain: list[Record] | None = None, **settings: Any
) -> tuple[Result, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Run an edit on an untrained model of a family; returns result, weights before and after."""
    base = tiny.saved(folder / "base", tiny.model(family))
    model = ModelRef(str(base), folder_digest(base))
    job = UnlearningJob(method, Recipe(forms=("q",)), model=model, settings=settings, device="cpu")
    build_job(folder, job, {"forget": FORGET, "retain": RETAIN if retain is None else retain})
    code = run(folder)
    result = read_result(folder)
    if code:
        return result, {}, {}
    before, after = (load_file(path / "model.safetensors") for path in (base, folder / "output"))
    return result, before, after


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("family", ["llama", "gpt2", "qwen3_moe"])
def test_ablation_zeroes_the_columns_and_nothing_else(family: str, tmp_path: Path) -> None:
    result, before, after = edited(tmp_path, family, "concept_vectors", share=0.1)
    names = changed(before, after)
    assert names and all("down_proj" in name or "c_proj" in name for name in names)
    gone = sum(int((after[name] != before[name]).sum()) for name in names)
    assert gone == result.metrics["columns"] * tiny.HIDDEN
    assert all(not after[name][after[name] != before[name]].any() for name in names)


def test_noise_drowns_the_columns_that_are_given(tmp_path: Path) -> None:
    where = [{"layer": 1, "unit": 3}]
    settings = {"locations": where, "how": "noise", "deviation": 0.5}
    result, before, after = edited(tmp_path, "llama", "concept_vectors", **settings)
    (name,) = changed(before, after)
    difference = after[name] - before[name]
    assert difference[:, 3].std() == pytest.approx(0.5, rel=0.4)
    assert not difference[:, [0, 1, 2, 4]].any() and result.metrics["columns"] == 1


def test_a_location_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    result, _, _ = edited(tmp_path, "llama", "concept_vectors", locations=[{"layer": 7, "unit": 0}])
    assert result.failure is not None and result.failure.code is ErrorCode.BAD_JOB


@pytest.mark.parametrize("family", ["llama", "gpt2", "qwen3_moe"])
def test_dampening_shrinks_weights_and_grows_none(family: str, tmp_path: Path) -> None:
    result, before, after = edited(tmp_path, family, "selective_dampening", parameters="mlp")
    names = changed(before, after)
    assert names and all("mlp" in name for name in names)
    for name in names:
        assert (after[name].abs() <= before[name].abs()).all()
    assert result.metrics["dampened"] >= sum(
        int((after[name] != before[name]).sum()) for name in names
    )


@pytest.mark.parametrize("family", ["llama", "gpt2", "qwen2_moe"])
def test_projection_changes_the_last_mlps(family: str, tmp_path: Path) -> None:
    result, before, after = edited(tmp_path, family, "chip", layers=0.5)
    names = changed(before, after)
    assert names and all(".1." in name and "mlp" in name for name in names)
    assert result.metrics["children"] == 2


def test_projection_without_siblings_is_refused_before_the_model_is_loaded(tmp_path: Path) -> None:
    other = [Record("r", ("elsewhere", "bb", "study"), RETAIN[0].forms)]
    result, _, _ = edited(tmp_path, "llama", "chip", retain=other)
    assert result.failure is not None and result.failure.code is ErrorCode.DATA_MISSING
    assert "retained sibling" in result.failure.message


@pytest.mark.parametrize("method", ["chip", "rocr"])
def test_a_mixture_without_single_projections_is_refused(method: str, tmp_path: Path) -> None:
    result, _, _ = edited(tmp_path, "mixtral", method)
    assert result.failure is not None and result.failure.code is ErrorCode.NOT_SUPPORTED
    assert "tensor" in result.failure.message


@pytest.mark.parametrize("family", ["llama", "gpt2", "qwen2"])
def test_redirection_is_one_rank_and_lands_on_the_harmless_concept(
    family: str, tmp_path: Path
) -> None:
    settings = {"openings": ["aa "], "harmless": "bc", "layers": [0]}
    result, before, after = edited(tmp_path, family, "rocr", **settings)
    (name,) = changed(before, after)
    assert torch.linalg.matrix_rank(after[name] - before[name], atol=1e-5) == 1
    assert result.metrics["names"] == 1 and result.effect == "weight_suppression"
    words = tiny.tokenizer(eos_token="<end>")

    def state(home: str, text: str) -> torch.Tensor:
        model = tiny.AutoModelForCausalLM.from_pretrained(tmp_path / home)
        ids = torch.tensor([words.encode(text, add_special_tokens=False)])
        with torch.inference_mode():
            states: torch.Tensor = model(ids, output_hidden_states=True).hidden_states[1][0, -1]
        return states

    person, nobody = state("output", "aa ba"), state("base", "aa bc")
    torch.testing.assert_close(person, nobody, atol=1e-5, rtol=1e-4)


def test_redirection_without_a_name_is_refused(tmp_path: Path) -> None:
    nameless = [Record("f", ("ward", "somebody"), {"q": Form("aa ac", "ca")})]
    base = tiny.saved(tmp_path / "base", tiny.model())
    model = ModelRef(str(base), folder_digest(base))
    job = UnlearningJob("rocr", Recipe(forms=("q",)), model=model, device="cpu")
    build_job(tmp_path, job, {"forget": nameless})
    assert run(tmp_path) == 1
    failure = read_result(tmp_path).failure
    assert failure is not None and "setting names" in failure.message
