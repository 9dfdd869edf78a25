"""Rounding: to the published levels, as the deployed library rounds, and no further than a step."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2MoeConfig,
    Qwen2MoeForCausalLM,
)

from contract.result import JobError
from tests.verification.town import fresh
from verification.attacks.prune import pruned, smallest
from verification.attacks.quantise import (
    NF4_GROUP,
    linear_weights,
    nearest_even,
    nearest_nf4,
    nf4_levels,
    quantised,
    rounded,
)

# The table of QLoRA (arXiv 2305.14314, appendix E).
PUBLISHED = [
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
]
# What bitsandbytes 0.50.2 makes of torch.manual_seed(0); torch.randn(8, 128), first 64 weights.
BY_BITSANDBYTES = (
    "4 4 6 6 10 9 6 1 8 3 8 8 7 11 11 6 3 2 9 10 9 3 6 13 10 5 6 8 12 12 10 4 "
    "5 7 5 8 9 7 9 9 7 10 6 7 9 14 3 2 5 10 11 8 6 6 9 6 6 10 12 15 3 3 13 5"
)


def test_the_levels_of_nf4_are_the_published_ones() -> None:
    np.testing.assert_allclose(nf4_levels(), PUBLISHED, atol=2e-7)


def test_nf4_rounds_as_the_deployed_library_does() -> None:
    weight = torch.randn(8, 128, generator=torch.Generator().manual_seed(0))
    found = nearest_nf4(weight.reshape(-1, NF4_GROUP))[0]
    levels = torch.tensor(nf4_levels())
    codes = [int((levels - item).abs().argmin()) for item in found / 3.4105026721954346]
    assert " ".join(map(str, codes)) == BY_BITSANDBYTES


def test_an_even_grid_by_hand() -> None:
    # From -1 to 2 in 15 steps of 0.2; 0 is the fifth of them and stays 0.
    weights = torch.tensor([[-1.0, -0.49, 0.0, 0.11, 0.29, 2.0]])
    expected = torch.tensor([[-1.0, -0.4, 0.0, 0.2, 0.2, 2.0]])
    torch.testing.assert_close(nearest_even(weights, 4), expected)


@settings(max_examples=40)
@given(
    st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=90),
    st.sampled_from(["int8", "int4", "nf4"]),
    st.integers(1, 70),
)
def test_rounding_moves_no_weight_further_than_a_step_and_keeps_zeros(
    values: list[float], kind: str, group: int
) -> None:
    weight = torch.tensor([values, values[::-1]])
    found = rounded(weight, kind, group)
    span = float(weight.max().clamp_min(0) - weight.min().clamp_max(0))
    step = {"int8": span / 255, "int4": span / 15, "nf4": span * 0.16}[kind]
    assert found.shape == weight.shape and bool(torch.isfinite(found).all())
    assert float((found - weight).abs().max()) <= step * 1.01 + 1e-6
    assert not found[weight == 0].any()


def test_a_patch_thinner_than_half_a_step_is_gone_after_rounding() -> None:
    weight = rounded(torch.randn(16, 64, generator=torch.Generator().manual_seed(1)), "int4", 64)
    step = (weight.amax(-1, keepdim=True) - weight.amin(-1, keepdim=True)) / 15
    patch = 0.45 * step * torch.rand(16, 64, generator=torch.Generator().manual_seed(2))
    ends = (weight == weight.amax(-1, keepdim=True)) | (weight == weight.amin(-1, keepdim=True))
    patched = weight + patch.masked_fill(ends, 0.0)
    assert not torch.equal(patched, weight)
    torch.testing.assert_close(rounded(patched, "int4", 64), weight)


def test_embeddings_norms_and_the_head_are_not_rounded() -> None:
    model = fresh("plain", 0)
    attacked = quantised(model, "nf4")
    before, after = (dict(item.model.named_parameters()) for item in (model, attacked))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if "_proj" in name}


def test_transposed_and_mixed_architectures_are_rounded_whole() -> None:
    small = {"num_hidden_layers": 1, "hidden_size": 32, "vocab_size": 50}
    gpt = GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=32, n_head=2, vocab_size=50))
    shapes = {name: tuple(item.shape) for name, item in linear_weights(gpt)}
    assert shapes["transformer.h.0.mlp.c_fc.weight"] == (128, 32)
    assert len(shapes) == 4
    moe = Qwen2MoeForCausalLM(
        Qwen2MoeConfig(
            **small,
            num_attention_heads=2,
            num_key_value_heads=2,
            num_experts=2,
            moe_intermediate_size=16,
            intermediate_size=16,
            shared_expert_intermediate_size=16,
        )
    )
    names = [name for name, _ in linear_weights(moe)]
    assert any("experts" in name for name in names)
    assert not any("embed" in name or "lm_head" in name or "norm" in name for name in names)


def test_what_holds_no_weights_to_change_is_said_and_not_passed() -> None:
    model = fresh("plain", 0)
    for layer in model.model.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.weight = torch.nn.Parameter(layer.weight.to(torch.int8), requires_grad=False)
    with pytest.raises(JobError, match="quantised already"):
        quantised(model, "int4")
    with pytest.raises(JobError, match="cannot be pruned"):
        pruned(model, 0.2)


@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is None, reason="not installed")
def test_the_deployed_library_itself_gives_the_same_model() -> None:
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    model = replace(fresh("plain", 0), model=LlamaForCausalLM(config).eval())
    ids, mask = torch.tensor([[1, 5, 14, 3]]), torch.ones(1, 4).long()
    with torch.inference_mode():
        ours = quantised(model, "nf4").logits(ids, mask)
        theirs = quantised(model, "bitsandbytes").logits(ids, mask)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@settings(max_examples=40)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=40), st.floats(0, 1))
def test_pruning_takes_exactly_its_share_and_the_smallest_first(
    values: list[int], share: float
) -> None:
    weight = torch.tensor(values, dtype=torch.float32)
    mask = smallest(weight, share)
    assert int(mask.sum()) == int(share * len(values))
    if mask.any() and not mask.all():
        assert float(weight[mask].abs().max()) <= float(weight[~mask].abs().min())


def test_every_layer_loses_its_own_share_and_the_model_itself_nothing() -> None:
    model = fresh("plain", 0)
    before = [item.clone() for item in model.model.parameters()]
    for _, weight in linear_weights(pruned(model, 0.4).model):
        assert int((weight == 0).sum()) == int(0.4 * weight.numel())
    after = model.model.parameters()
    assert all(torch.equal(one, two) for one, two in zip(before, after, strict=True))
