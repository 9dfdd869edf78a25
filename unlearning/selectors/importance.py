"""Which weights matter to which records: gradients of the answers' likelihood, by parameter."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from unlearning.data import Sample, chunks, collate
from unlearning.losses.forward import answer_nll

GRADIENT_BATCH = 16
NARROWINGS = 60


def forget_gradient(
    model: Any, samples: Sequence[Sample], names: Collection[str], device: torch.device
) -> Mapping[str, Tensor]:
    """Return the size of the gradient of the samples' mean NLL, by parameter name."""
    wanted = {name: item for name, item in model.named_parameters() if name in names}
    total = {name: torch.zeros_like(item) for name, item in wanted.items()}
    for chunk in chunks(samples, GRADIENT_BATCH):
        loss = answer_nll(model, collate(chunk, device)).sum() / len(samples)
        found = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
        for name, gradient in zip(wanted, found, strict=True):
            if gradient is not None:
                total[name].add_(gradient)
    return {name: item.abs() for name, item in total.items()}


def fisher(
    model: Any, samples: Sequence[Sample], names: Collection[str], device: torch.device
) -> Mapping[str, Tensor]:
    """Return the diagonal of the empirical Fisher information, by parameter name.

    That is the mean over samples of the squared gradient of a sample's NLL. Gradients are never
    all held at once: each is squared and dropped as soon as the backward pass has it.
    """
    wanted = {name: item for name, item in model.named_parameters() if name in names}
    total = {name: torch.zeros_like(item) for name, item in wanted.items()}
    handles = [
        item.register_post_accumulate_grad_hook(_squares_into(total[name]))
        for name, item in wanted.items()
    ]
    try:
        for sample in samples:
            loss = answer_nll(model, collate([sample], device)).sum()
            loss.backward(inputs=list(wanted.values()))
    finally:
        for handle in handles:
            handle.remove()
    return {name: item / len(samples) for name, item in total.items()}


def _squares_into(total: Tensor) -> Callable[[Tensor], None]:
    """Return a hook that adds a gradient's square as soon as it is there, and lets go of it."""

    def add(parameter: Tensor) -> None:
        if parameter.grad is not None:
            total.addcmul_(parameter.grad, parameter.grad)
            parameter.grad = None

    return add


def threshold(tensors: Iterable[Tensor], share: float) -> float:
    """Return the value that the given share of all numbers reaches, without sorting them.

    Found by halving, in 32-bit floats: ties at the value all count.
    """
    held = list(tensors)
    wanted = share * sum(item.numel() for item in held)
    low, high = 0.0, max(float(item.max()) for item in held)
    for _ in range(NARROWINGS):
        middle = (low + high) / 2
        reached = sum(int((item >= middle).sum()) for item in held)
        low, high = (middle, high) if reached >= wanted else (low, middle)
    return low
