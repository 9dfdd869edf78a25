"""Passes without padding: the tokens of all rows one after the other, attention row by row.

Samples differ in length, and a batch as wide as its longest row computes a third more than its
tokens need. Here a pass runs over the tokens alone, as one long row with the positions that each
had in its own; only attention lays the rows beside each other, because no row may look into
another. Every token gets the states that it has in a padded batch.

:func:`allow` makes a model ready for it, once, when it is loaded: it tries made-up ids both ways
and leaves a model alone that answers differently (its positions or its attention are not what is
expected here). Such a model gets padded batches, as does a batch with little to save.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from unlearning.data import Batch, Sample, collate

TORCH, NAME = "sdpa", "expunge_rows"
"""Torch's attention, and the one under which a model may get its rows packed."""
ENOUGH = 0.9
"""A batch is packed when no more than this share of it are tokens."""
TRIED = ((1, 2, 3, 4, 5, 6, 7), (4, 2), (3, 1, 4, 1, 5))
"""The ids with which a model shows that it answers packed rows as it answers padded ones."""
TOLERANCE = 1e-4
KNOWN = frozenset({"full_attention", "sliding_attention"})
"""The kinds of layers whose attention is causal within a row, up to the width of a window."""


@dataclass(frozen=True)
class Inputs:
    """What a base model is called with, and where the answer tokens are among its states.

    ``at`` [answer tokens] counts the positions of all rows, one row after the other.
    """

    named: dict[str, Tensor]
    at: Tensor

    def answers(self, states: Tensor) -> Tensor:
        """Return what stands at the answer tokens, [answer tokens, width]."""
        found: Tensor = states.reshape(-1, states.shape[-1])[self.at]
        return found


def inputs_of(model: Any, batch: Batch) -> Inputs:
    """Return the batch as the model gets it: packed where it may be and where that pays."""
    rows, width = batch.ids.shape
    packs = _attention(model) == NAME and width <= _window(model.config)
    if packs and sum(batch.sizes) <= ENOUGH * rows * width:
        return _packed(batch)
    return _padded(batch)


def allow(model: Any) -> None:
    """Let the model have its rows packed, if it answers the same then."""
    if _attention(model) != TORCH or not _plain(model.config):
        return
    batch = _trial(model)
    before = _states(model, _padded(batch))
    model.set_attn_implementation(NAME)
    try:
        found = _states(model, _packed(batch))
        same = torch.allclose(found, before, rtol=TOLERANCE, atol=TOLERANCE)
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):
        same = False
    if not same:
        model.set_attn_implementation(TORCH)


def _attention(model: Any) -> str | None:
    found: str | None = getattr(model.config, "_attn_implementation", None)
    return found


def _padded(batch: Batch) -> Inputs:
    return Inputs({"input_ids": batch.ids}, batch.rows * batch.ids.shape[1] + batch.positions)


def _packed(batch: Batch) -> Inputs:
    (rows, width), device = batch.ids.shape, batch.ids.device
    sizes = torch.tensor(batch.sizes)
    slots = torch.cat([row * width + torch.arange(size) for row, size in enumerate(batch.sizes)])
    # Which token stands in each slot of the padded batch; after the last token: nothing does.
    tokens = torch.full((rows * width,), len(slots)).index_copy(0, slots, torch.arange(len(slots)))
    slots, starts = slots.to(device), (sizes.cumsum(0) - sizes).to(device)
    named = {
        "input_ids": batch.ids.reshape(1, -1).index_select(1, slots),
        "position_ids": (slots % width)[None],
        "attention_mask": tokens.view(1, 1, rows, width).to(device),
    }
    return Inputs(named, starts[batch.rows] + batch.positions)


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **more: Any,
) -> tuple[Tensor, None]:
    """Attend row by row where the mask says which token stands where; else as torch does.

    ``query``, ``key`` and ``value`` are [1, heads, tokens, width of a head].
    """
    if attention_mask is None or attention_mask.dtype != torch.int64:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **more)
    rows, width = attention_mask.shape[2:]
    places, count = attention_mask.reshape(-1), query.shape[2]
    # What stands in an empty slot does not matter: no token of its row comes after it.
    filled = places.clamp(max=count - 1)

    def beside(item: Tensor) -> Tensor:
        chosen = item[0].transpose(0, 1).index_select(0, filled)
        apart: Tensor = chosen.unflatten(0, (rows, width))
        return apart.transpose(1, 2)

    rowwise = (beside(query), beside(key), beside(value))
    found: Tensor = sdpa_attention_forward(module, *rowwise, attention_mask=None, **more)[0]
    found = found.flatten(0, 1)
    tokens = found.new_zeros(count + 1, *found.shape[1:]).index_copy(0, places, found)
    return tokens[None, :count], None


def _plain(config: Any) -> bool:
    """Say whether the layers attend in a way that is known here."""
    kinds = set(getattr(config, "layer_types", None) or ())
    return kinds <= KNOWN and not getattr(config, "attention_chunk_size", None)


def _window(config: Any) -> float:
    """Return how long a row may be before its layers no longer see all of it."""
    return getattr(config, "sliding_window", None) or math.inf


def _trial(model: Any) -> Batch:
    samples = [Sample("", "", tuple(i % model.config.vocab_size for i in ids), 1) for ids in TRIED]
    return collate(samples, next(model.parameters()).device)


@torch.no_grad()
def _states(model: Any, inputs: Inputs) -> Tensor:
    return inputs.answers(model.base_model(**inputs.named, use_cache=False).last_hidden_state)


AttentionInterface.register(NAME, _attend)
AttentionMaskInterface.register(NAME, sdpa_mask)
