"""Which MLP value vectors carry the answers: one backward pass for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from verification.families.causal_lm import CausalLM, Encoded
from verification.signals.forward import answer_tokens, batches, padded


def attribution(
    model: CausalLM, encoded: Sequence[Encoded], pulse: Callable[[], None]
) -> dict[str, NDArray[np.float64]]:
    """Return, by value matrix, how much each unit's vector carries of the answers' log-odds.

    The first-order estimate ``w . d(log-odds)/dw`` of what setting the vector ``w`` to zero would
    take away, mean over answer tokens. Log-odds of the true token are used because the
    probability of a memorised one is flat at 1.
    """
    matrices = model.value_matrices()
    model.model.zero_grad(set_to_none=True)
    tokens = sum(len(item.answer) for item in encoded)
    for batch in batches(encoded, model.vocabulary):
        pulse()
        (_log_odds(model, [encoded[index] for index in batch]).sum() / tokens).backward()
    found = {
        name: (matrices[name] * gradient).sum(1).detach().double().cpu().numpy()
        for name, gradient in model.value_matrices(gradients=True).items()
    }
    model.model.zero_grad(set_to_none=True)
    return found


def _log_odds(model: CausalLM, batch: Sequence[Encoded]) -> Tensor:
    """Return the log-odds of each true answer token, with gradients."""
    rows, positions, targets = answer_tokens(batch)
    logits = model.answer_logits(*padded(batch, model.device), rows, positions)
    own = torch.nn.functional.one_hot(targets.to(logits.device), logits.shape[-1]).bool()
    return logits[own] - logits.masked_fill(own, -torch.inf).logsumexp(-1)
