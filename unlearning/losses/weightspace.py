"""Losses of where the weights are, not of what they say (arXiv 2505.22310).

Relearning is the easier the nearer an unlearned model stayed to the original, in distance and
along the straight line between the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

ROOT_GUARD = 1e-8
"""Added under the root, whose derivative at zero (the first step) is infinite otherwise."""


def root_mean_square_distance(weights: Sequence[Tensor], before: Sequence[Tensor]) -> Tensor:
    """Return ``sqrt(mean over all weights of (w - w0)^2 + 1e-8)``, a scalar."""
    total = sum(
        (
            (now.float() - then.float()).square().sum()
            for now, then in zip(weights, before, strict=True)
        ),
        torch.zeros((), device=weights[0].device),
    )
    count = sum(item.numel() for item in weights)
    return (total / count + ROOT_GUARD).sqrt()


def between(
    weights: Mapping[str, Tensor], before: Mapping[str, Tensor], share: float = 0.5
) -> dict[str, Tensor]:
    """Return the weights ``share`` of the way from those before to those now, by name."""
    return {
        name: before[name].to(now.dtype).lerp(now, share) if name in before else now
        for name, now in weights.items()
    }


def barrier(nll: Tensor, limit: float) -> Tensor:
    """Return ``-min(nll, limit)``: it asks for a loss up to a limit, then for no more."""
    return -nll.clamp_max(limit)
