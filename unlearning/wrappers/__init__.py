"""Step wrappers: where the gradient of a step is taken, and which weights are kept.

A wrapper stands between the loss and the optimiser and fits any loss. The smoothing ones make
the place that unlearning ends in flat, so that a few steps of relearning lead less far (Fan et
al., arXiv 2502.05374). With ``l`` the forget term, ``g`` its gradient and ``r`` the retain term:

* ``sam``: ``grad l(w + rho g / |g|) + grad r(w)``;
* ``smoothing`` (RS): ``mean over draws of grad l(w + e), e ~ N(0, sigma^2) + grad r(w)``;
* ``gradient_norm`` (GP): the gradient of ``l + weight |g|``;
* ``curvature`` (CR): the gradient of ``l + weight |grad l(w + mu v) - grad l(w)|`` with
  ``v = g / |g|`` held fixed;
* ``averaging`` (WA): plain steps; what is kept is the running mean of the weights.

The two penalties have true second-order gradients, also when a batch is accumulated in parts:
the gradient of ``|g|`` is the Hessian times ``g / |g|``, and that product is a sum over parts.
Perturbed weights are put back from a copy, bit for bit, and nothing but trainable parameters
moves. Costs: ``sam`` one more forget pass and one copy of what trains; ``smoothing`` one pass a
draw; the penalties two and five times a pass, without fused attention.

Wrappers compose: the first of a tuple is innermost, so a penalty can only be the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from contract.result import ErrorCode, JobError
from unlearning.engine.processes import local
from unlearning.wrappers.gradients import (
    FORGET,
    RETAIN,
    Backward,
    Gradient,
    Weights,
    around,
    kept,
)
from unlearning.wrappers.settings import (
    Averaging,
    Curvature,
    GradientNorm,
    Sam,
    Smoothing,
    Wrap,
)

__all__ = [
    "Averaging",
    "Backward",
    "Curvature",
    "GradientNorm",
    "Sam",
    "Smoothing",
    "Weights",
    "Wrap",
    "Wrapper",
]


class Wrapper:
    """The wrappers of a phase, as the loop uses them."""

    def __init__(self, wraps: Sequence[Wrap] = (), seed: int = 0) -> None:
        self._chain = [item for item in wraps if not isinstance(item, Averaging)]
        if any(isinstance(item, GradientNorm | Curvature) for item in self._chain[1:]):
            message = "a gradient or curvature penalty can only be the first (innermost) wrapper"
            raise JobError(ErrorCode.BAD_JOB, message)
        means = [item for item in wraps if isinstance(item, Averaging)]
        if len(means) > 1:
            raise JobError(ErrorCode.BAD_JOB, "weights can be averaged by one wrapper only")
        self._averaging = means[0] if means else None
        self._seed = seed
        self._count = 0
        self._mean: list[Tensor] = []

    @property
    def second_order(self) -> bool:
        """Say whether gradients of gradients are taken, which needs whole weights in one place."""
        return any(isinstance(item, GradientNorm | Curvature) for item in self._chain)

    def gradients(self, step: int, weights: Weights, backward: Backward) -> float:
        """Leave the gradient of the step in the weights; returns the value of the loss."""
        if not self._chain:
            return backward()
        gradient: Gradient = partial(backward, FORGET)
        for place, item in enumerate(self._chain):
            seed = (self._seed * 1_000_003 + step) * 31 + place
            gradient = around(item, weights, backward, gradient, seed)
        return gradient() + backward(RETAIN)

    def after(self, step: int, weights: Weights) -> None:
        """Take the weights after ``step`` steps into the mean, when it is their turn."""
        rule = self._averaging
        if rule is None or step < rule.start or (step - rule.start) % rule.every:
            return
        self._count += 1
        now = [local(item.detach()).float() for item in weights.optimised]
        if not self._mean:
            self._mean = [item.clone() for item in now]
        for mean, item in zip(self._mean, now, strict=True):
            mean.lerp_(item, 1 / self._count)

    @contextmanager
    def view(self, weights: Weights) -> Iterator[None]:
        """Show the weights that would be kept now; put those that train back after."""
        if not self._mean:
            yield
            return
        try:
            with kept(weights.optimised):
                self._show(weights)
                yield
        finally:
            weights.publish()

    def finish(self, weights: Weights) -> None:
        """Put the mean of the weights into the model, if there is one."""
        if self._mean:
            self._show(weights)
            self._mean = []

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {"count": self._count, "mean": self._mean}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state` returned."""
        self._count, self._mean = state["count"], list(state["mean"])

    @torch.no_grad()
    def _show(self, weights: Weights) -> None:
        for item, mean in zip(weights.optimised, self._mean, strict=True):
            local(item).copy_(mean)
        weights.publish()
