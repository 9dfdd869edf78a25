"""Calibrated stopping: stop when forgotten records look like never-trained ones.

The aim is two-sided: a record that is *less* likely than a never-trained one gives its deletion
away as surely as one that is more likely gives its training away. The rule therefore compares,
on the same current model, the forget records with records of persons that were never trained
on (the calibration twins), both in the form reserved to it, which no verification asks. It
keeps the weights of the moment at which the two were closest, and ends the phase once the
forget records have passed the twins. A guard ends it when the retained knowledge collapses.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from contract.record import FROZEN
from unlearning.data import Sample
from unlearning.reference import mean_nll


@settings_dataclass(frozen=True, config=FROZEN)
class StopSettings:
    """When to look and when to stop.

    ``every``: steps between looks. ``tolerance``: how far the rank of the forget records among
    the twins may be from one half. ``collapse``: how many nats a token the retained records
    may lose.
    """

    every: int = Field(default=2, ge=1)
    tolerance: float = Field(default=0.02, ge=0, le=0.5)
    collapse: float = Field(default=1.5, gt=0)


@dataclass(frozen=True)
class Reading:
    """One look at the model; NLL in nats a token, ``rank`` in [0, 1].

    ``rank`` is the chance that a twin is more surprising than a forgotten record: 1 when all are
    remembered, one half when they cannot be told apart, 0 when all are over-forgotten.
    """

    step: int
    rank: float
    forget: float
    twins: float
    retain: float

    @property
    def gap(self) -> float:
        """Return how far the rank is from one half."""
        return abs(self.rank - 0.5)


def rank(forget: Sequence[float], twins: Sequence[float]) -> float:
    """Return P(forget < twin) + P(equal) / 2 over all pairs."""
    wins = sum((own < other) + 0.5 * (own == other) for own in forget for other in twins)
    return wins / (len(forget) * len(twins))


@dataclass(frozen=True)
class Probes:
    """The samples the rule looks at: forget and twins in the reserved form, some retained."""

    forget: Sequence[Sample]
    twins: Sequence[Sample]
    retain: Sequence[Sample]


class CalibratedStop:
    """A :class:`unlearning.loop.Watch` that aims at the calibration twins."""

    def __init__(
        self, model: Any, probes: Probes, settings: StopSettings, device: torch.device
    ) -> None:
        self._model, self._probes = model, probes
        self._settings, self._device = settings, device
        self._best: Reading | None = None
        self._weights: dict[str, torch.Tensor] = {}
        self._first: Reading | None = None
        self.collapsed = False
        self.reached = False

    @property
    def best(self) -> Reading | None:
        """Return the reading whose weights the phase ends with."""
        return self._best

    def read(self, step: int) -> Reading:
        """Look at the model now."""
        forget, twins, retain = (
            mean_nll(self._model, samples, self._device)
            for samples in (self._probes.forget, self._probes.twins, self._probes.retain)
        )
        return Reading(
            step,
            rank(forget, twins),
            statistics.fmean(forget),
            statistics.fmean(twins),
            statistics.fmean(retain),
        )

    def __call__(self, step: int) -> bool:
        """Look every few steps; stop when forget has met the twins, or retained knowledge fell."""
        if self._first is None:
            self._first = self.read(0)
        if step % self._settings.every:
            return False
        now = self.read(step)
        if (
            not math.isfinite(now.retain)
            or now.retain - self._first.retain > self._settings.collapse
        ):
            self.collapsed = True
            return True
        if self._best is None or now.gap < self._best.gap:
            self._best = now
            self._weights = {
                name: value.detach().to("cpu", copy=True)
                for name, value in self._model.state_dict().items()
            }
        self.reached = now.rank <= 0.5 + self._settings.tolerance
        return self.reached

    def state(self) -> dict[str, Any]:
        """Return the best moment and its weights."""
        return {
            "best": vars(self._best) if self._best else None,
            "first": vars(self._first) if self._first else None,
            "weights": self._weights,
            "collapsed": self.collapsed,
            "reached": self.reached,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the best moment back from a checkpoint."""
        self._best = Reading(**state["best"]) if state["best"] else None
        self._first = Reading(**state["first"]) if state["first"] else None
        self._weights = dict(state["weights"])
        self.collapsed, self.reached = state["collapsed"], state["reached"]

    def finish(self) -> None:
        """Put the weights of the best moment back."""
        if self._weights:
            self._model.load_state_dict(self._weights)
            self._weights = {}
