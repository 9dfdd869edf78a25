"""Rows without padding between them say what rows in a padded batch say, in every architecture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.unlearning.engine.tiny import ARCHITECTURES, batch, tiny
from unlearning import packing
from unlearning.data import Batch
from unlearning.losses.forward import answer_nll, layer_states

PACKS = frozenset(ARCHITECTURES) - {"gemma2"}
"""Gemma 2 squashes its attention scores, which torch's attention does not; it is left padded."""


def allowed(architecture: str, **changes: Any) -> Any:
    model = tiny(architecture, **changes)
    packing.allow(model)
    return model


def shapes(model: Any, call: Callable[[], Any]) -> set[tuple[int, ...]]:
    """Return the shapes of the ids with which the model is called meanwhile."""
    found: set[tuple[int, ...]] = set()
    handle = model.base_model.register_forward_pre_hook(
        lambda _module, _inputs, named: found.add(tuple(named["input_ids"].shape)),
        with_kwargs=True,
    )
    call()
    handle.remove()
    return found


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_likelihoods_and_gradients_are_those_of_padded_rows(architecture: str) -> None:
    some, found = batch(), []
    for model in (tiny(architecture), allowed(architecture)):
        costs = answer_nll(model, some)
        costs.square().sum().backward()
        found.append((costs, [item.grad for item in model.parameters()]))
    (padded, expected), (packed, gradients) = found
    assert torch.allclose(packed, padded, atol=1e-5)
    for one, two in zip(expected, gradients, strict=True):
        assert (one is None) == (two is None)
        assert one is None or torch.allclose(one, two, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_pass_computes_its_tokens_and_no_more_where_the_model_takes_it(architecture: str) -> None:
    some, model = batch(), allowed(architecture)
    tokens = (1, sum(some.sizes))
    expected = tokens if architecture in PACKS else tuple(some.ids.shape)
    assert shapes(model, lambda: answer_nll(model, some)) == {expected}
    assert shapes(model, lambda: layer_states(model, some, 1)) == {expected}


def test_rows_of_one_length_are_left_as_they_are() -> None:
    some, model = batch(1), allowed("llama")
    assert shapes(model, lambda: answer_nll(model, some)) == {tuple(some.ids.shape)}


def test_rows_longer_than_what_a_layer_sees_are_padded() -> None:
    some, model = batch(), allowed("llama")
    for window, expected in ((7, tuple(some.ids.shape)), (8, (1, sum(some.sizes)))):
        model.config.sliding_window = window
        assert shapes(model, lambda: answer_nll(model, some)) == {expected}


def test_a_model_that_answers_otherwise_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here one that counts positions from the first row on."""
    packed = packing._packed

    def counted(some: Batch) -> packing.Inputs:
        inputs = packed(some)
        places = torch.arange(sum(some.sizes))[None]
        return replace(inputs, named={**inputs.named, "position_ids": places})

    monkeypatch.setattr(packing, "_packed", counted)
    some, model = batch(), allowed("gpt2")
    assert shapes(model, lambda: answer_nll(model, some)) == {tuple(some.ids.shape)}


def test_a_model_that_may_be_packed_generates_as_before() -> None:
    ids = torch.tensor([[0, 0, 5, 6, 7], [9, 3, 4, 8, 2]])
    mask = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    found = [
        model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=6, do_sample=False)
        for model in (tiny("llama"), allowed("llama"))
    ]
    assert torch.equal(*found)


def test_recomputed_activations_give_the_same_gradients() -> None:
    def gradients(*, recompute: bool) -> list[Any]:
        model, some = allowed("llama"), batch()
        if recompute:
            model.activation_checkpointing_enable({"use_reentrant": False})
        model.train()
        answer_nll(model, some).sum().backward()
        return [item.grad for item in model.parameters()]

    for kept, again in zip(gradients(recompute=False), gradients(recompute=True), strict=True):
        assert torch.allclose(kept, again, atol=1e-6)
