"""How hard one record pulls at the model: the norms of the loss's gradients.

One backward pass per sample, in evaluation mode (no dropout), of the mean loss over answer
tokens. A tensor that cannot be trained (quantised weights) has no gradient and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from verification.families.causal_lm import CausalLM, Encoded
from verification.signals.forward import NotFiniteError, answer_tokens, padded


def gradient_norms(
    model: CausalLM, samples: Sequence[Encoded], pulse: Callable[[], None] = lambda: None
) -> list[NDArray[np.float64]]:
    """Return, by sample, the 2-norm of the loss's gradient in every trainable tensor.

    Raises:
        ValueError: if no tensor of the model can be trained.
        NotFiniteError: if a gradient is not a finite number.
    """
    tensors = [item for item in model.model.parameters() if item.requires_grad]
    if not tensors:
        message = "no tensor of the model has gradients"
        raise ValueError(message)
    return [_norms(model, sample, tensors, pulse) for sample in samples]


def _norms(
    model: CausalLM,
    sample: Encoded,
    tensors: Sequence[torch.Tensor],
    pulse: Callable[[], None],
) -> NDArray[np.float64]:
    pulse()
    rows, positions, targets = answer_tokens([sample])
    logits = model.logits(*padded([sample], model.device))[rows, positions].float()
    loss = functional.cross_entropy(logits, targets.to(logits.device))
    # A tensor that took no part (an expert that was not chosen) counts as a gradient of 0.
    found = torch.autograd.grad(loss, tensors, allow_unused=True)
    norms = np.array([0.0 if item is None else float(item.float().norm()) for item in found])
    if not np.isfinite(norms).all():
        message = "the model's gradients are not finite numbers"
        raise NotFiniteError(message)
    return norms
