"""How hard one record pulls at the model: the norms of the loss's gradients.

One backward pass per sample, in evaluation mode (no dropout), of the mean loss over answer
tokens. A tensor that cannot be trained (quantised weights) has no gradient and is left out.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from contract.record import Form
from verification.families.causal_lm import CausalLM, Encoded
from verification.signals.asking import Signals
from verification.signals.forward import NotFiniteError, answer_tokens, padded

KeyT = TypeVar("KeyT", bound=Hashable)


def gradient_norms(
    signals: Signals, model: CausalLM, forms: Mapping[KeyT, Form]
) -> dict[KeyT, NDArray[np.float64]]:
    """Return the 2-norm of each form's loss gradient in every trainable tensor; each made once.

    Raises:
        ValueError: if no tensor of the model can be trained.
        NotFiniteError: if a gradient is not a finite number.
    """
    tensors = [item for item in model.model.parameters() if item.requires_grad]
    if not tensors:
        message = "no tensor of the model has gradients"
        raise ValueError(message)
    known = signals.kept(model, "gradient norms")
    for form in forms.values():
        if (form.prompt, form.answer) not in known:
            signals.pulse()
            sample = model.encode(form)
            signals.count(1, len(sample.ids))
            known[form.prompt, form.answer] = _norms(model, sample, tensors)
    return {key: known[form.prompt, form.answer] for key, form in forms.items()}


def _norms(
    model: CausalLM, sample: Encoded, tensors: Sequence[torch.Tensor]
) -> NDArray[np.float64]:
    rows, positions, targets = answer_tokens([sample])
    logits = model.logits(*padded([sample], model.device))[rows, positions].float()
    loss = functional.cross_entropy(logits, targets.to(logits.device))
    # A tensor that took no part (an expert that was not chosen) counts as a gradient of 0.
    found = torch.autograd.grad(loss, tensors, allow_unused=True)
    norms = np.array([0.0 if item is None else float(item.float().norm()) for item in found])
    if not np.isfinite(norms).all():
        message = "the gradients of the model are not finite numbers"
        raise NotFiniteError(message, model.key)
    return norms
