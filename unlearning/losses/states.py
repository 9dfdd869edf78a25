"""Losses of what happens inside a model, one value a token.

``states`` [tokens, width] are hidden states behind a block, ``gates`` [tokens, experts] what a
router makes of its scores by a softmax. Read in 32-bit floats; nothing is reduced.
"""

from __future__ import annotations

import torch
from torch import Tensor


def steering_direction(width: int, seed: int) -> Tensor:
    """Return RMU's random unit vector, [width], drawn uniformly from [0, 1) and normalised."""
    generator = torch.Generator().manual_seed(seed)
    vector = torch.rand(width, generator=generator)
    unit: Tensor = vector / vector.norm()
    return unit


def steering(states: Tensor, direction: Tensor, sizes: Tensor) -> Tensor:
    """Return RMU's forget loss, [tokens] (arXiv 2403.03218).

    The squared distance of a state to ``sizes * direction``, as a mean over the width; ``sizes``
    is one number, or one for each token (adaptive RMU, arXiv 2408.06223).
    """
    aim = sizes.float().reshape(-1, 1) * direction.float()
    return (states.float() - aim).square().mean(-1)


def displacement(states: Tensor, before: Tensor) -> Tensor:
    """Return RMU's retain loss, [tokens].

    The squared distance to the states before unlearning, as a mean over the width.
    """
    return (states.float() - before.float()).square().mean(-1)


def router_anchor(gates: Tensor, expert: int) -> Tensor:
    """Return SEUF's anchor, [tokens], in [0, 2] (arXiv 2411.18797): ``|gates - onehot|^2``.

    It keeps a router sending the forget records to the expert that unlearns them; otherwise the
    loss is lowered by sending them elsewhere, and the knowledge stays.
    """
    wanted = torch.zeros_like(gates)
    wanted[:, expert] = 1.0
    return (gates - wanted).square().sum(-1)
