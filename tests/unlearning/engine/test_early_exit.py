"""A pass that ends at a layer has what the whole pass has there, in every architecture."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.unlearning.engine.tiny import ARCHITECTURES, batch, tiny
from unlearning.losses.forward import answer_nll, blocks_of, layer_states


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_states_of_a_layer_are_those_of_the_whole_pass(architecture: str) -> None:
    model, some = tiny(architecture), batch()
    outputs: list[Tensor] = []
    blocks = blocks_of(model)
    assert len(blocks) == 3
    for block in blocks:
        block.register_forward_hook(
            lambda _module, _inputs, output: outputs.append(
                output[0] if isinstance(output, tuple) else output
            )
        )
    with torch.no_grad():
        model(input_ids=some.ids, use_cache=False)
        whole, seen = list(outputs), []
        for layer, expected in enumerate(whole):
            outputs.clear()
            found = layer_states(model, some, layer)
            seen.append(len(outputs))
            assert torch.equal(found, expected[some.rows, some.positions])
    assert seen[0] <= 1 and seen[1] <= 2  # what comes after a layer is not computed


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_answer_nll_is_that_of_the_whole_pass(architecture: str) -> None:
    """Positions, softcaps and scales included, whatever comes after the output layer."""
    model, some = tiny(architecture), batch()
    with torch.no_grad():
        logits = model(input_ids=some.ids, use_cache=False).logits[some.rows, some.positions]
        tokens = torch.nn.functional.cross_entropy(logits, some.targets, reduction="none")
        expected = torch.zeros(len(some.lengths)).index_add(0, some.rows, tokens)
        assert torch.allclose(answer_nll(model, some), expected, atol=1e-4)


@pytest.mark.parametrize("layer", [0, 2])
def test_recomputed_activations_do_not_disturb_an_early_exit(layer: int) -> None:
    def gradients(*, recompute: bool) -> list[Any]:
        model = tiny("llama")
        if recompute:
            model.activation_checkpointing_enable({"use_reentrant": False})
        model.train()
        layer_states(model, batch(), layer).square().sum().backward()
        return [item.grad for item in model.parameters()]

    for kept, again in zip(gradients(recompute=False), gradients(recompute=True), strict=True):
        assert (kept is None) == (again is None)
        assert kept is None or torch.allclose(kept, again, atol=1e-6)
