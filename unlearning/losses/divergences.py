"""The f-divergences of FLAT: from the mean probability of an answer to the value that is maximised.

An f-divergence is the largest ``E_P[g] - E_Q[f*(g)]`` over functions ``g``, with ``f*(u)`` the
largest ``r u - f(r)``. FLAT (arXiv 2410.11143) lets ``g`` be an output activation of the mean
probability ``v`` of an answer's tokens and maximises the difference between a template answer and
the answer to be forgotten. The activations are those of Nowozin et al. (arXiv 1606.00709, table 6),
each rising in ``v`` and staying where ``f*`` is finite:

=================  ===========================  =====================  =========================
divergence         f(r)                         g(v)                   f*(u)
=================  ===========================  =====================  =========================
total_variation    abs(r - 1) / 2               tanh(v) / 2            u
kl                 r log r                      v                      exp(u - 1)
reverse_kl         -log r                       -exp(-v)               -1 - log(-u)
pearson            (r - 1)^2                    v                      u^2 / 4 + u
neyman             (1 - r)^2 / r                1 - exp(-v)            2 - 2 sqrt(1 - u)
hellinger          (sqrt(r) - 1)^2              1 - exp(-v)            u / (1 - u)
jeffrey            (r - 1) log r                v                      W + 1 / W + u - 2
jensen_shannon     -(r+1) log((1+r)/2)+r log r  log 2 - log(1+exp(-v)) -log(2 - exp(u))
=================  ===========================  =====================  =========================

with ``W`` the Lambert function of ``exp(1 - u)``, the root of ``W + log W = 1 - u``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Divergence = Literal[
    "total_variation",
    "kl",
    "reverse_kl",
    "pearson",
    "neyman",
    "hellinger",
    "jeffrey",
    "jensen_shannon",
]
NEWTON_STEPS = 6


@dataclass(frozen=True)
class Pair:
    """The activation ``g`` and the conjugate ``f*`` of a divergence."""

    activation: Callable[[Tensor], Tensor]
    conjugate: Callable[[Tensor], Tensor]


def flat(wanted: Tensor, unwanted: Tensor, divergence: Divergence) -> Tensor:
    """Return FLAT's loss, [rows]: ``-g(wanted) + f*(g(unwanted))``.

    ``wanted`` and ``unwanted`` [rows] are mean probabilities of the tokens of the template answer
    and of the answer to be forgotten, in [0, 1].
    """
    pair = PAIRS[divergence]
    return pair.conjugate(pair.activation(unwanted)) - pair.activation(wanted)


def _jeffrey(u: Tensor) -> Tensor:
    root = _lambert(1 - u)
    return root + 1 / root + u - 2


def _lambert(log_x: Tensor) -> Tensor:
    """Return ``W(x)``, the root of ``W + log W = log x``, with its gradient; log x in [0, 1]."""
    with torch.no_grad():
        root = torch.full_like(log_x, 0.75)
        for _ in range(NEWTON_STEPS):
            root -= (root + root.log() - log_x) / (1 + 1 / root)
    return root - (root + root.log() - log_x) / (1 + 1 / root)  # the implicit derivative


def _identity(v: Tensor) -> Tensor:
    return v


def _bounded(v: Tensor) -> Tensor:
    return 1 - (-v).exp()


PAIRS: Mapping[Divergence, Pair] = {
    "total_variation": Pair(lambda v: v.tanh() / 2, _identity),
    "kl": Pair(_identity, lambda u: (u - 1).exp()),
    "reverse_kl": Pair(lambda v: -(-v).exp(), lambda u: -1 - (-u).log()),
    "pearson": Pair(_identity, lambda u: u.square() / 4 + u),
    "neyman": Pair(_bounded, lambda u: 2 - 2 * (1 - u).sqrt()),
    "hellinger": Pair(_bounded, lambda u: u / (1 - u)),
    "jeffrey": Pair(_identity, _jeffrey),
    "jensen_shannon": Pair(
        lambda v: math.log(2) - functional.softplus(-v), lambda u: -(2 - u.exp()).log()
    ),
}
