"""The gradient of the forget term, taken around the weights or with a penalty on itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from unlearning.engine import processes
from unlearning.engine.processes import local
from unlearning.wrappers.settings import Curvature, GradientNorm, Sam, Smoothing, Wrap

FORGET, RETAIN = "forget", "retain"


class Weights(Protocol):
    """What trains, as the loop shows it to a wrapper."""

    @property
    def parameters(self) -> Sequence[nn.Parameter]:
        """Return the trainable parameters."""

    @property
    def optimised(self) -> Sequence[Tensor]:
        """Return what the optimiser steps on: the same, or their 32-bit masters."""

    def publish(self) -> None:
        """Copy what the optimiser steps on into the model."""

    def gradients(self) -> list[Tensor | None]:
        """Return their gradients."""

    def put(self, gradients: Sequence[Tensor | None]) -> None:
        """Set their gradients."""

    def clear(self) -> None:
        """Drop their gradients."""


Through = Callable[[Tensor], Tensor]


class Backward(Protocol):
    """Adds the gradient of the whole step, taken at the weights as they are now."""

    def __call__(self, only: str | None = None, *, through: Through | None = None) -> float:
        """Return the value of the loss, or of its term ``only``.

        ``through`` turns the loss of each micro-batch into what is differentiated instead.
        """


Gradient = Callable[[], float]
"""Adds the gradient of the forget term and returns the term's value."""


@contextmanager
def kept(parameters: Sequence[Tensor]) -> Iterator[None]:
    """Put the parameters back as they were, bit for bit, whatever happens inside."""
    copies = [item.detach().clone() for item in parameters]
    try:
        yield
    finally:
        with torch.no_grad():
            for item, copy in zip(parameters, copies, strict=True):
                item.copy_(copy)


def around(
    item: Wrap, weights: Weights, backward: Backward, inner: Gradient, seed: int
) -> Gradient:
    """Return the gradient of the forget term as ``item`` takes it."""
    if isinstance(item, Sam):
        return lambda: _sam(weights, inner, item)
    if isinstance(item, Smoothing):
        return lambda: _smoothing(weights, inner, item, seed)
    if isinstance(item, GradientNorm):
        return lambda: _gradient_norm(weights, backward, item)
    if isinstance(item, Curvature):
        return lambda: _curvature(weights, backward, item)
    raise TypeError(item)


def _sam(weights: Weights, inner: Gradient, item: Sam) -> float:
    value = inner()
    gradients = _taken(weights)
    norm = _norm(gradients)
    with kept(weights.parameters):
        if norm > 0:
            _move(weights.parameters, gradients, item.rho / norm)
        del gradients
        inner()
    return value


def _smoothing(weights: Weights, inner: Gradient, item: Smoothing, seed: int) -> float:
    total = 0.0
    found: list[Tensor | None] = [None] * len(weights.parameters)
    for draw in range(item.draws):
        with kept(weights.parameters):
            _disturb(weights.parameters, item.sigma, seed * 101 + draw)
            total += inner()
        found = _sum(found, _taken(weights))  # what is inside must not see an earlier draw's
    weights.put(_scaled(found, 1 / item.draws))
    return total / item.draws


def _gradient_norm(weights: Weights, backward: Backward, item: GradientNorm) -> float:
    """Take the gradient of ``l + weight |g|``, which is ``g + weight H g / |g|``."""
    value = backward(FORGET)
    gradients = weights.gradients()
    norm = _norm(gradients)
    if norm > 0:
        _add_products(weights, backward, _scaled(gradients, item.weight / norm))
    return value + item.weight * norm


def _curvature(weights: Weights, backward: Backward, item: Curvature) -> float:
    """Take the gradient of ``l + weight |d|``, ``d = g(w + mu v) - g(w)``, with ``v`` fixed."""
    value = backward(FORGET)
    here = _taken(weights)
    norm = _norm(here)
    size = 0.0
    if norm > 0:
        with kept(weights.parameters):
            _move(weights.parameters, here, item.mu / norm)
            backward(FORGET)
            change = _difference(_taken(weights), here)
            size = _norm(change)
            directions = _scaled(change, item.weight / size if size > 0 else 0.0)
            _add_products(weights, backward, directions)
        _add_products(weights, backward, _scaled(directions, -1.0))
    weights.put(_sum(weights.gradients(), here))
    return value + item.weight * size


def _add_products(
    weights: Weights, backward: Backward, directions: Sequence[Tensor | None]
) -> None:
    """Add the Hessian of the forget term times ``directions`` to the gradients."""
    pairs = [
        (item, move)
        for item, move in zip(weights.parameters, directions, strict=True)
        if move is not None
    ]
    parameters = [item for item, _ in pairs]

    def product(loss: Tensor) -> Tensor:
        found = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)
        total = loss * 0.0
        for gradient, (_, move) in zip(found, pairs, strict=True):
            if gradient is not None:
                total = total + (gradient * move).sum()
        return total

    with sdpa_kernel(SDPBackend.MATH):  # fused attention has no second derivative
        backward(FORGET, through=product)


def _taken(weights: Weights) -> list[Tensor | None]:
    """Return the gradients and clear them."""
    gradients = [None if item is None else item.detach() for item in weights.gradients()]
    weights.clear()
    return gradients


def _norm(gradients: Sequence[Tensor | None]) -> float:
    present = [item.float() for item in gradients if item is not None]
    if not present:
        return 0.0
    norm = nn.utils.get_total_norm(present)
    return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)


def _scaled(gradients: Sequence[Tensor | None], factor: float) -> list[Tensor | None]:
    return [None if item is None else item.detach() * factor for item in gradients]


def _sum(left: Sequence[Tensor | None], right: Sequence[Tensor | None]) -> list[Tensor | None]:
    return [
        other if own is None else own if other is None else own + other
        for own, other in zip(left, right, strict=True)
    ]


def _difference(
    left: Sequence[Tensor | None], right: Sequence[Tensor | None]
) -> list[Tensor | None]:
    return _sum(left, _scaled(right, -1.0))


@torch.no_grad()
def _move(parameters: Sequence[Tensor], moves: Sequence[Tensor | None], factor: float) -> None:
    for item, move in zip(parameters, moves, strict=True):
        if move is not None:
            item.add_(move, alpha=factor)


@torch.no_grad()
def _disturb(parameters: Sequence[Tensor], sigma: float, seed: int) -> None:
    """Add noise; processes add the same to what each holds whole, and their own to their shards."""
    for place, item in enumerate(parameters):
        own = local(item)
        shift = 0 if own is item else processes.rank()
        generator = torch.Generator(own.device)
        generator.manual_seed(((seed * 101 + place) * 1_009 + shift) % 2**63)
        noise = torch.randn(own.shape, generator=generator, device=own.device)
        own.add_(noise.to(own.dtype), alpha=sigma)
