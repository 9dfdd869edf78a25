"""From a model and a batch to the states and logits of answer tokens, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from unlearning.data import Batch
from unlearning.losses.tokens import token_nll
from unlearning.packing import inputs_of

PIECE_LOGITS = 2**26
"""How many logits exist at once (256 MiB in 32-bit floats) before a pass is cut into pieces."""


@dataclass(frozen=True)
class Head:
    """The output layer of a causal LM with what its family does to the logits afterwards.

    ``cap`` squashes them (Gemma), ``scale`` multiplies them (Cohere; Granite divides).
    """

    layer: nn.Module
    vocabulary: int
    cap: float | None = None
    scale: float = 1.0

    def __call__(self, states: Tensor) -> Tensor:
        """Return logits [..., vocabulary] of states [..., width]."""
        logits: Tensor = self.layer(states)
        if self.scale != 1.0:
            logits = logits * self.scale
        return logits if self.cap is None else self.cap * torch.tanh(logits / self.cap)


def head_of(model: Any) -> Head:
    """Return the head of a transformers causal LM."""
    layer = model.get_output_embeddings()
    size = getattr(layer, "out_features", None) or layer.weight.shape[0]
    read = model.config.to_dict()
    scale = float(read.get("logit_scale") or 1.0) / float(read.get("logits_scaling") or 1.0)
    return Head(layer, size, read.get("final_logit_softcapping"), scale)


def answer_states(model: Any, batch: Batch) -> Tensor:
    """Return the last hidden states [answer tokens, width], from which the head reads logits."""
    inputs = inputs_of(model, batch)
    return inputs.answers(model.base_model(**inputs.named, use_cache=False).last_hidden_state)


def in_pieces(
    head: Head, states: Tensor, function: Callable[..., Tensor], *per_token: Tensor
) -> Tensor:
    """Return ``function(logits, *per_token)``, [tokens], with few logits in memory at a time.

    Long answers over a large vocabulary are cut into pieces of tokens, whose logits are dropped
    after the forward pass and computed again in the backward pass.
    """

    def of(piece: Tensor, *more: Tensor) -> Tensor:
        return function(head(piece), *more)

    size = max(1, PIECE_LOGITS // head.vocabulary)
    if len(states) <= size:
        return of(states, *per_token)
    parts = zip(*(item.split(size) for item in (states, *per_token)), strict=True)
    if not torch.is_grad_enabled():
        return torch.cat([of(*part) for part in parts])
    done = [checkpoint(of, *part, use_reentrant=False, preserve_rng_state=False) for part in parts]
    return torch.cat(done)


class _Reached(Exception):  # noqa: N818 - not an error: it ends a forward pass at its layer
    pass


def blocks_of(model: Any) -> nn.ModuleList:
    """Return the transformer blocks of a causal LM, in order."""
    stacks = [part for part in model.get_decoder().children() if isinstance(part, nn.ModuleList)]
    return max(stacks, key=len)


def layer_states(model: Any, batch: Batch, layer: int) -> Tensor:
    """Return the states [answer tokens, width] after block ``layer``, where answers are predicted.

    The pass ends before the next block: what comes after is not computed.
    """
    blocks, inputs, found = blocks_of(model), inputs_of(model, batch), []

    def leave(_: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        found.append(inputs[0] if inputs else named["hidden_states"])
        raise _Reached

    def remember(_: nn.Module, __: Any, output: Any) -> None:
        found.append(output[0] if isinstance(output, tuple) else output)

    # Left from outside a block, so that a block that recomputes its activations is whole.
    handle = (
        blocks[layer + 1].register_forward_pre_hook(leave, with_kwargs=True)
        if layer + 1 < len(blocks)
        else blocks[layer].register_forward_hook(remember)
    )
    try:
        model.base_model(**inputs.named, use_cache=False)
    except _Reached:
        pass
    finally:
        handle.remove()
    return inputs.answers(found[0])


def answer_logits(model: Any, batch: Batch) -> Tensor:
    """Return logits [answer tokens, vocabulary] of a transformers causal LM.

    The output layer runs on answer positions only: with long prompts and large vocabularies
    it is most of the memory.
    """
    return head_of(model)(answer_states(model, batch))


def answer_nll(model: Any, batch: Batch) -> Tensor:
    """Return the summed negative log-likelihood of each row's answer, [rows], in nats."""
    tokens = in_pieces(head_of(model), answer_states(model, batch), token_nll, batch.targets)
    return tokens.new_zeros(len(batch.lengths)).index_add(0, batch.rows, tokens)
