from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import Tensor

from contract.result import JobError
from tests.unlearning.engine.tiny import batch, lesson, tiny
from unlearning.adapters import inner
from unlearning.losses import answer_nll
from unlearning.selectors import (
    All,
    Columns,
    Expert,
    Lora,
    Mask,
    Material,
    MlpOutputs,
    Names,
    Selection,
    Selector,
    select,
)

CPU = torch.device("cpu")
MATERIAL = Material(lesson(6), lesson(6, seed=9), CPU)
DOWN = "model.layers.1.mlp.down_proj.weight"
SELECTORS: list[tuple[str, Selector]] = [
    ("llama", All()),
    ("llama", Names(include=("down_proj", "norm"), exclude=(r"layers\.0",))),
    ("llama", Mask(share=0.05)),
    ("qwen2", Mask(share=0.05)),
    ("gpt2", Mask(share=0.05)),
    ("llama", Columns(units={DOWN: (3, 5)})),
    ("gpt2", Columns(units={"transformer.h.1.mlp.c_proj.weight": (3, 5)})),
    ("mixtral", Columns(units={"model.layers.1.mlp.experts.down_proj[2]": (0, 7)})),
    ("mixtral", Expert()),
    ("qwen2_moe", Expert(layer=1, expert=2)),
    ("qwen2_moe", Expert(layer=1, router=False)),
    ("llama", Lora(rank=4)),
    ("gpt2", Lora(rank=4, targets=("c_proj", "c_fc"))),
    ("mixtral", Lora(rank=4)),
    ("llama", Lora(rank=4, initial="fila")),
    ("gpt2", Lora(rank=4, initial="fila")),
]


def trained(model: Any, selector: Selector, steps: int = 3) -> Selection:
    """Return the selection after a few steps of ascent with everything AdamW may do to weights."""
    selection = select(model, selector, MATERIAL)
    weights = [item for item in selection.module.parameters() if item.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-2, weight_decay=0.1)
    data = batch()
    for _ in range(steps):
        (-answer_nll(inner(selection.module), data).mean()).backward()
        optimizer.step()
        optimizer.zero_grad()
    return selection


def values(model: Any) -> dict[str, Tensor]:
    return {name: item.detach().clone() for name, item in model.named_parameters()}


@pytest.mark.parametrize(("architecture", "selector"), SELECTORS)
def test_only_what_is_selected_changes_and_the_model_is_an_ordinary_one_again(
    architecture: str, selector: Selector, tmp_path: Path
) -> None:
    model = tiny(architecture)
    before = values(model)
    selection = trained(model, selector)
    allowed = selection.metrics["trained_parameters"]
    finished = selection.finish()
    after = values(finished)
    assert after.keys() == before.keys()
    changed = sum(int((after[name] != before[name]).sum()) for name in before)
    assert changed > 0
    if not isinstance(selector, Lora):
        assert changed <= allowed
    if isinstance(selector, Mask):
        assert allowed == pytest.approx(0.05 * matrices(before), rel=0.05)
    assert all(item.requires_grad for item in finished.parameters())
    finished.save_pretrained(tmp_path)
    again = type(finished).from_pretrained(tmp_path)
    assert all(torch.equal(item, after[name]) for name, item in again.named_parameters())


def matrices(named: dict[str, Tensor]) -> int:
    return sum(item.numel() for item in named.values() if item.dim() > 1)


@pytest.mark.parametrize(("architecture", "selector"), SELECTORS)
def test_selecting_does_not_change_what_the_model_says(
    architecture: str, selector: Selector
) -> None:
    model, data = tiny(architecture), batch()
    before = answer_nll(model, data)
    selection = select(model, selector, MATERIAL)
    assert torch.allclose(answer_nll(inner(selection.module), data), before, atol=1e-5)


def test_columns_are_the_units_that_an_mlp_writes_with() -> None:
    for architecture, name in (("llama", DOWN), ("gpt2", "transformer.h.1.mlp.c_proj.weight")):
        model = tiny(architecture)
        before = values(model)[name]
        after = values(trained(model, Columns(units={name: (3, 5)})).finish())[name]
        change = after != before if architecture == "llama" else (after != before).T
        assert change.any(0).nonzero().flatten().tolist() == [3, 5]
        assert change[:, [3, 5]].all()


def test_one_expert_and_its_router_are_all_that_changes() -> None:
    model = tiny("qwen2_moe")
    before = values(model)
    selection = trained(model, Expert(layer=1, expert=2))
    assert (selection.metrics["layer"], selection.metrics["expert"]) == (1, 2)
    after = values(selection.finish())
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    block = "model.layers.1.mlp"
    experts = {f"{block}.experts.gate_up_proj", f"{block}.experts.down_proj"}
    assert changed == experts | {f"{block}.gate.weight"}
    for name in experts:
        own = (after[name] != before[name]).flatten(1).any(1)
        assert own.nonzero().flatten().tolist() == [2]


def test_the_expert_is_the_one_that_the_forget_records_use_most() -> None:
    model = tiny("mixtral")
    with torch.no_grad():
        model.model.layers[2].mlp.gate.weight.zero_()
        norms = model.model.layers[2].post_attention_layernorm
        norms.weight.zero_()
    model.model.layers[2].mlp.gate.register_forward_hook(
        lambda _, __, output: (output[0] + torch.tensor([0.0, 0.0, 9.0, 0.0]), *output[1:])
    )
    selection = select(model, Expert(), MATERIAL)
    assert (selection.metrics["layer"], selection.metrics["expert"]) == (2, 2)
    assert selection.metrics["expert_share"] > 0.99


def test_a_mask_takes_the_largest_gradients() -> None:
    model = tiny("llama")
    (-answer_nll(model, batch()).mean()).backward()
    sizes = {name: item.grad.abs() for name, item in model.named_parameters() if item.dim() > 1}
    model.zero_grad()
    before = values(model)
    after = values(trained(model, Mask(share=0.02)).finish())
    inside = torch.cat([sizes[name][after[name] != before[name]] for name in sizes])
    outside = torch.cat([sizes[name][after[name] == before[name]] for name in sizes])
    assert inside.min() >= outside.max() * (1 - 1e-5)


def test_tied_weights_stay_tied() -> None:
    model = tiny("qwen2", tie_word_embeddings=True)
    name = "model.embed_tokens.weight"
    finished = trained(model, Columns(units={name: (0, 1)})).finish()
    assert finished.lm_head.weight is finished.model.embed_tokens.weight


def test_a_selection_is_the_same_when_made_again() -> None:
    for selector in (Mask(share=0.01), Lora(rank=4), Lora(rank=4, initial="fila"), Expert()):
        made = [
            dict(select(tiny("mixtral"), selector, MATERIAL).module.named_parameters())
            for _ in range(2)
        ]
        assert made[0].keys() == made[1].keys()
        assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])


@pytest.mark.parametrize(
    ("architecture", "selector"),
    [
        ("llama", Lora(rank=4)),
        ("llama", Lora(rank=4, initial="fila")),
        ("qwen2_moe", Lora(rank=4, targets=("q_proj", "experts"))),
    ],
)
def test_an_adapter_over_the_untouched_model_says_what_the_merged_model_says(
    architecture: str, selector: Lora, tmp_path: Path
) -> None:
    model, data = tiny(architecture), batch()
    original = copy.deepcopy(model)
    selection = trained(model, selector)
    said = answer_nll(inner(selection.module), data)
    selection.save_adapter(tmp_path)
    loaded = PeftModel.from_pretrained(original, str(tmp_path))
    assert torch.allclose(answer_nll(inner(loaded), data), said, atol=1e-4)
    assert torch.allclose(answer_nll(selection.finish(), data), said, atol=1e-4)


def test_what_is_no_adapter_cannot_be_saved_as_one(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="LoRA"):
        select(tiny("llama"), All(), MATERIAL).save_adapter(tmp_path)


@pytest.mark.parametrize(
    ("architecture", "selector", "sentence"),
    [
        ("llama", Names(include=("nowhere",)), "selects no weight"),
        ("llama", Lora(targets=("nowhere",)), "no linear layer"),
        ("llama", Expert(), "no mixture of experts"),
        ("mixtral", Expert(layer=1, expert=9), "no expert 9"),
        ("mixtral", Expert(layer=7), "layer 7"),
        ("mixtral", Expert(expert=1), "together with its layer"),
        ("llama", Columns(units={"nowhere.weight": (0,)}), "no parameter"),
        ("llama", Columns(units={DOWN: (48,)}), "48 units"),
        ("llama", Columns(), "selects no weight"),
        ("llama", MlpOutputs(layers=(1, 3)), "3 layers"),
    ],
)
def test_a_selector_that_finds_nothing_says_so(
    architecture: str, selector: Selector, sentence: str
) -> None:
    with pytest.raises(JobError, match=sentence):
        select(tiny(architecture), selector, MATERIAL)


def test_fila_says_that_it_needs_retained_records() -> None:
    with pytest.raises(JobError, match="retained"):
        select(tiny("llama"), Lora(initial="fila"), Material(lesson(2), (), CPU))


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "phi", "opt", "gpt_neox", "mixtral"])
def test_the_last_linear_layer_of_an_mlp_is_found_in_every_family(architecture: str) -> None:
    model = tiny(architecture)
    select(model, MlpOutputs(layers=(0, 2)), MATERIAL)
    chosen = [name for name, item in model.named_parameters() if item.requires_grad]
    assert len(chosen) == 2
    assert all(f".{layer}." in name for layer, name in zip((0, 2), chosen, strict=True))
    assert all(32 in dict(model.named_parameters())[name].shape for name in chosen)


def test_parts_of_weights_are_not_trained_by_several_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for selector in (Mask(), Expert(), Columns(units={DOWN: (1,)})):
        with pytest.raises(JobError, match="one process"):
            select(tiny("mixtral"), selector, MATERIAL)


def test_plain_adapters_reach_the_experts_of_a_fused_mixture() -> None:
    model = tiny("mixtral")
    before = values(model)
    after = values(trained(model, Lora(rank=2, targets=("q_proj", r"1\.mlp\.experts"))).finish())
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name for name in changed if "experts" in name} == {
        "model.layers.1.mlp.experts.gate_up_proj",
        "model.layers.1.mlp.experts.down_proj",
    }
    assert len(changed) == 5
