"""How much a token counts: constants of the gradient, for any loss of tokens.

Each function takes ``nll`` [tokens], the negative log-likelihood of the true tokens, and returns
weights [tokens] through which no gradient flows.
"""

from __future__ import annotations

from torch import Tensor


def confidence(nll: Tensor, *, beta: float) -> Tensor:
    """Return ``p ** beta`` (WGA, arXiv 2502.19301): tokens that are already unlikely fade out."""
    return (-beta * nll.detach()).exp()


def saturation_importance(nll: Tensor, *, beta1: float, beta2: float) -> Tensor:
    """Return ``p ** beta1 * (1 - p) ** beta2`` (SatImp, arXiv 2505.11953).

    The first factor leaves tokens alone that are forgotten already (saturation), the second
    those that are certain whatever the fact is, such as function words (importance).
    """
    likely = (-nll.detach()).exp()
    return likely.pow(beta1) * (1 - likely).clamp_min(0).pow(beta2)
