"""Relearning what is kept, for as long as it takes: the end is measured, not set beforehand.

A model whose weights were partly erased is trained on retained records at a constant rate until
the private probes (some retained records) are nearly as unsurprising as they were before, and
then at a falling rate for a share of the steps it took: knowledge settles while the rate falls.
How long a model needs depends on how much was erased and on the data; a fixed number of steps is
either too short or wastes most of its time.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from contract.job import Recipe
from contract.record import FROZEN
from unlearning.data import Batches, Sample
from unlearning.engine import Phase, Schedule, fit
from unlearning.looks import Looks, asked, thinned, tokens
from unlearning.spec import Context
from unlearning.train import recipe_steps

NOT_BACK = "Relearning reached its step limit before retained knowledge was back."


@settings_dataclass(frozen=True, config=FROZEN)
class RecoverySettings:
    """How to relearn.

    ``rate``: learning rate; ``warmup`` in steps. ``near``: how many nats a token the probes may be
    above what they were, when the rate begins to fall; ``settle``: for how long it falls, as a
    share of the steps before. ``most``: the most steps before it falls. ``tokens`` and ``share``
    bound what looking costs, as for the calibrated stop.
    """

    rate: float = Field(gt=0)
    most: int = Field(ge=1)
    warmup: int = Field(default=10, ge=0)
    near: float = Field(default=0.4, gt=0)
    settle: float = Field(default=0.7, gt=0)
    tokens: int = Field(default=2048, ge=1)
    share: float = Field(default=0.1, gt=0)


@settings_dataclass(frozen=True, config=FROZEN)
class RelearnSettings:
    """What the methods that relearn let be chosen, in terms of the recipe.

    ``rate``: learning rate as a factor of the recipe's; ``effort``: the most steps at that rate,
    as a share of the recipe's. ``near``, ``settle`` and ``warmup`` as in :class:`RecoverySettings`.
    """

    rate: float = Field(default=1.5, gt=0)
    effort: float = Field(default=0.6, gt=0)
    near: float = Field(default=0.4, gt=0)
    settle: float = Field(default=0.7, gt=0)
    warmup: int = Field(default=10, ge=0)

    def recovery(self, recipe: Recipe, retain: Sequence[Sample]) -> RecoverySettings:
        """Return how to relearn the retained samples of a model with this recipe."""
        return RecoverySettings(
            rate=self.rate * recipe.learning_rate,
            most=max(1, round(self.effort * recipe_steps(recipe, retain))),
            warmup=self.warmup,
            near=self.near,
            settle=self.settle,
        )


@dataclass(frozen=True)
class Recovery:
    """How relearning went; ``before`` and ``after`` are the probes' NLL in nats a token."""

    steps: int
    loss: float
    before: float
    after: float
    reached: bool


class Recovered:
    """A watch that ends a phase when the probes are ``near`` to where they were."""

    def __init__(
        self,
        model: Any,
        probes: Sequence[Sample],
        target: float,
        looks: Looks,
        device: torch.device,
    ) -> None:
        self._model, self._probes, self._target = model, probes, target
        self._looks, self._device = looks, device
        self.reached = False

    def __call__(self, step: int) -> bool:
        """Look when it is due."""
        if self._looks.due(step):
            self._looks.took(step)
            self.reached = surprise(self._model, self._probes, self._device) <= self._target
        return self.reached

    def state(self) -> dict[str, Any]:
        """Return what looking has cost, and whether the end was reached."""
        return {"looks": self._looks.state(), "reached": self.reached}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state` returned."""
        self._looks.restore(state["looks"])
        self.reached = state["reached"]

    def finish(self) -> None:
        """Leave the weights as they are: the last step is the best one."""


def recover(  # noqa: PLR0913, PLR0917 - a phase has this many parts
    context: Context,
    model: Any,
    batches: Batches,
    loss: Callable[[Sequence[Sample]], Tensor],
    settings: RecoverySettings,
    before: float,
) -> Recovery:
    """Train the model in place on batches of retained records until they are known again.

    ``loss`` of a batch; ``before``: the probes' surprise in the model before anything was erased
    (:func:`surprise` of :func:`kept_probes`).
    """
    probes = kept_probes(context, batches.samples, settings)
    step_tokens = batches.size * tokens(batches.samples) / len(batches.samples)
    looks = Looks(tokens(probes), step_tokens, settings.share)
    watch = Recovered(model, probes, before + settings.near, looks, context.device)
    rising = Schedule(settings.most, settings.rate, settings.warmup)
    phase = Phase("relearning", model, rising, lambda step: loss(batches.at(step)), watch)
    first = fit(context, phase)
    falling = Schedule(math.ceil(settings.settle * first.steps), settings.rate)
    later = Phase("settling", model, falling, lambda step: loss(batches.at(first.steps + step)))
    last = fit(context, later)
    after = surprise(model, probes, context.device)
    return Recovery(first.steps + last.steps, last.loss, before, after, watch.reached)


def kept_probes(
    context: Context, retain: Sequence[Sample], settings: RecoverySettings
) -> list[Sample]:
    """Return the retained samples that say whether retained knowledge is back."""
    return thinned(retain, settings.tokens, context.job.seed + 3)


def surprise(model: Any, probes: Sequence[Sample], device: torch.device) -> float:
    """Return the mean NLL of the probes, in nats a token."""
    return statistics.fmean(asked(model, probes, device))
