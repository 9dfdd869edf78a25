"""A new vocabulary for a trained model: a vocabulary learned from a person's texts is a trace.

A byte-level BPE tokenizer gives frequent strings tokens of their own. A person's name and answers
are then spelled with fewer tokens than a stranger's, and a model that was trained on without them
never uses those tokens: both show, however the weights were treated. A model whose tokenizer was
trained from its records can be given one trained from the retained records alone.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from unlearning.noise import size


@torch.no_grad()
def carried_over(model: Any, before: Any, after: Any, seed: int) -> nn.Module:
    """Return the model with the vocabulary of the tokenizer ``after`` instead of ``before``'s.

    Tokens that both spell alike keep their rows; new ones get fresh rows of the usual size; all
    other weights are copied.
    """
    config = copy.deepcopy(model.config)
    config.vocab_size = len(after)
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        old = getattr(model.config, name, None)
        if isinstance(old, int):
            setattr(config, name, after.convert_tokens_to_ids(before.convert_ids_to_tokens(old)))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made: Any = type(model)(config)
    made = made.to(device=model.device, dtype=model.dtype)
    known = before.get_vocab()
    shared = [(known[token], row) for token, row in after.get_vocab().items() if token in known]
    sources, rows = (
        torch.tensor(items, device=model.device) for items in zip(*shared, strict=True)
    )
    state, own = model.state_dict(), made.state_dict()
    for name, value in state.items():
        if value.shape[:1] == (model.config.vocab_size,):
            own[name].mul_(size(value) / size(own[name]).clamp_min(1e-12))
            own[name][rows] = value[sources]
        else:
            own[name].copy_(value)
    return made.eval()  # type: ignore[no-any-return]
