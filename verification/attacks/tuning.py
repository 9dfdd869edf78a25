"""Optimise a few numbers beside a frozen model, so that it gives the answers of a lesson.

Shared by the attacks that change what goes into a model and not its weights. The attacked model
shares all weights with the one it was made from; only the new numbers are its own.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from verification.attacks.relearn import WARMUP, answer_loss, batch_order
from verification.families.causal_lm import CausalLM, Encoded
from verification.signals import Signals


@dataclass(frozen=True)
class Tuning:
    """How to optimise: ``learning_rate`` is in the numbers' own scale.

    With a ``radius`` the numbers are kept within that distance of zero.
    """

    steps: int
    batch: int
    seed: int
    learning_rate: float
    radius: float = math.inf


def sharing(model: CausalLM, key: str) -> CausalLM:
    """Return a copy under another key whose layers are its own and whose weights are shared."""
    shared = [*model.model.parameters(), *model.model.buffers()]
    return replace(
        model, key=key, model=copy.deepcopy(model.model, {id(item): item for item in shared})
    )


def tune(
    model: CausalLM,
    numbers: Tensor,
    samples: Sequence[Encoded],
    how: Tuning,
    signals: Signals,
) -> None:
    """Change ``numbers`` in place by Adam, to lower the samples' answer loss under ``model``.

    No other weight gets a gradient.

    Raises :class:`verification.signals.NotFiniteError` when the loss diverges.
    """
    optimiser = torch.optim.Adam([numbers], lr=how.learning_rate)
    generator = torch.Generator().manual_seed(how.seed)
    order = batch_order([len(item.ids) for item in samples], how.batch, generator)
    for step in range(1, how.steps + 1):
        signals.pulse()
        for group in optimiser.param_groups:
            group["lr"] = how.learning_rate * min(1.0, step / WARMUP)
        batch = [samples[index] for index in next(order)]
        (numbers.grad,) = torch.autograd.grad(answer_loss(model, batch), [numbers])
        optimiser.step()
        with torch.no_grad():
            numbers.copy_(inside(numbers, how.radius))
        signals.count(len(batch), sum(len(item.ids) for item in batch))
    numbers.requires_grad = False


def inside(numbers: Tensor, radius: float) -> Tensor:
    """Return the nearest numbers whose length is at most the radius."""
    length = float(numbers.norm())
    return numbers if length <= radius else numbers * (radius / length)
