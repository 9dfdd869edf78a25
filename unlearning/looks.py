"""What looking at a model in training may cost, counted in tokens.

A look is a forward pass over probes. It is paid for by the training itself: a training step on
``t`` tokens costs about three forward passes over them, so ``n`` steps allow probes of
``share * 3 * t * n`` tokens; a look is due once those before it are paid. Many records make a
look no dearer, because probes are thinned to a fixed number of tokens; long steps buy looks
sooner than short ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from unlearning.data import Sample
from unlearning.reference import mean_nll

FORWARDS_PER_STEP = 3.0
"""A backward pass costs about two forward passes."""


def tokens(samples: Sequence[Sample]) -> int:
    """Return how many tokens one pass over the samples reads."""
    return sum(len(sample.ids) for sample in samples)


def thinned(samples: Sequence[Sample], limit: int, seed: int) -> list[Sample]:
    """Return as many of the samples, shuffled by the seed, as ``limit`` tokens hold; at least one.

    All of them, in their order, when they fit.
    """
    if tokens(samples) <= limit:
        return list(samples)
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(seed)).tolist()
    kept: list[Sample] = []
    spent = 0
    for place in order:
        spent += len(samples[place].ids)
        if spent > limit and kept:
            break
        kept.append(samples[place])
    return kept


@dataclass
class Looks:
    """When to look: a first time at once, then as the allowance and the plan say.

    ``cost``: tokens of one look; ``step_tokens``: tokens of one training step; ``share``: the most
    that looking may cost, as a share of training; ``every``: fewest steps between two looks.
    """

    cost: int
    step_tokens: float
    share: float
    every: int = 1
    spent: int = field(default=0, init=False)
    last: int = field(default=0, init=False)
    planned: int = field(default=0, init=False)

    def due(self, step: int) -> bool:
        """Say whether to look after ``step`` steps."""
        if self.spent == 0:
            return True
        allowed = self.share * FORWARDS_PER_STEP * self.step_tokens * step
        far_enough = step >= max(self.last + self.every, self.planned)
        return far_enough and self.spent <= allowed

    def took(self, step: int) -> None:
        """Note that a look was made."""
        self.spent += self.cost
        self.last = step

    def plan(self, step: int) -> None:
        """Do not look again before ``step``, whatever the allowance."""
        self.planned = step

    def state(self) -> dict[str, int]:
        """Return what a resumed run needs."""
        return {"spent": self.spent, "last": self.last, "planned": self.planned}

    def restore(self, state: dict[str, int]) -> None:
        """Take back what :meth:`state` returned."""
        self.spent, self.last, self.planned = state["spent"], state["last"], state["planned"]


def asked(model: Any, samples: Sequence[Sample], device: torch.device) -> list[float]:
    """Return the NLL per token of each sample with dropout off, and leave the mode as it was."""
    training = model.training
    model.eval()
    try:
        return mean_nll(model, samples, device)
    finally:
        model.train(training)
