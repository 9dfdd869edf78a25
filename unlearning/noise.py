"""Erasing part of the weights: shrink what was learned and mix in a new beginning."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from unlearning import models


@torch.no_grad()
def perturb(model: Any, alpha: float, noise: float, seed: int) -> None:
    """Mix every weight in place: ``(1 - alpha) * w + alpha * noise * fresh``.

    ``fresh`` is a new initialisation, brought to the size (root mean square) of the trained
    matrix it replaces and multiplied by ``noise``. Trained matrices are several times larger than
    fresh ones, and a network with normalised layers hardly feels a mere shrinking.
    """
    fresh = dict(models.reinitialised(model, seed).named_parameters())
    for name, parameter in model.named_parameters():
        target = fresh[name].detach()
        if parameter.dim() > 1:
            target = target * (noise * size(parameter) / size(target).clamp_min(1e-12))
        parameter.lerp_(target, alpha)


def size(weight: Tensor) -> Tensor:
    """Return the root mean square of a weight."""
    return weight.square().mean().sqrt()
