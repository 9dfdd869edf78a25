"""Calibrated stopping: stop when forgotten records look like never-trained ones.

The aim is two-sided: a record that is *less* likely than a never-trained one gives its deletion
away as surely as one that is more likely gives its training away. The rule therefore compares,
on the same current model, the forget records with records of persons that were never trained
on (the calibration twins), both in the form reserved to it, which no verification asks.

It looks rarely and lands exactly. What looking costs is bounded in tokens and as a share of the
training (:mod:`unlearning.looks`); the next look is where the distance to the twins, followed on
in a straight line, is half gone. A step that jumps past the twins is taken back part of the way:
between the weights of the last two looks the rule searches for those at which nobody can tell.
It knows nothing of the loss, so it works for every method that trains step by step. A guard ends
the phase when the retained knowledge collapses.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from contract.record import CALIBRATION_FORM, FROZEN
from contract.result import ErrorCode, JobError
from unlearning.data import Sample, encode
from unlearning.looks import Looks, asked, thinned, tokens
from unlearning.spec import Context

BISECTIONS = 4
RETAIN_SHARE = 0.2
"""The share of a look's tokens that goes to retained records."""
INDISTINGUISHABLE = 0.5
"""The rank at which nobody can tell the forget records from never-trained ones."""
COLLAPSED = "Forgetting was ended early because retained knowledge began to collapse."
COLLAPSED_AT_ONCE = (
    "training diverged: retained knowledge collapsed before anything was forgotten; try a smaller "
    "learning rate"
)
NOT_REACHED = "Forgetting reached its step limit before the records looked never-trained."
NO_TWINS = "No calibration records were given: forgetting ran a fixed number of steps."


@settings_dataclass(frozen=True, config=FROZEN)
class StopSettings:
    """When to look and when to stop.

    ``tokens``: the most one look reads. ``share``: the most that looking may cost, as a share of
    the training. ``every``: fewest steps between looks. ``tolerance``: how far the rank of the
    forget records among the twins may be from one half. ``collapse``: how many nats a token the
    retained records may lose.
    """

    tokens: int = Field(default=4096, ge=1)
    share: float = Field(default=0.25, gt=0)
    every: int = Field(default=1, ge=1)
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
        return abs(self.rank - INDISTINGUISHABLE)

    @property
    def distance(self) -> float:
        """Return how many nats a token the forget records are less surprising than the twins."""
        return self.twins - self.forget


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

    def thinned(self, limit: int, seed: int) -> Probes:
        """Return probes of at most about ``limit`` tokens."""
        own = int(limit * (1 - RETAIN_SHARE) / 2)
        return Probes(
            thinned(self.forget, own, seed),
            thinned(self.twins, own, seed + 1),
            thinned(self.retain, limit - 2 * own, seed + 2),
        )

    @property
    def tokens(self) -> int:
        """Return what one look reads."""
        return tokens(self.forget) + tokens(self.twins) + tokens(self.retain)


def private_probes(context: Context, tokenizer: Any, retain: Sequence[Sample]) -> Probes | None:
    """Return the probes of a job, or ``None`` when it brings nobody to compare with."""
    if not context.has("calibration"):
        return None
    forget = encode(tokenizer, context.records("forget"), [CALIBRATION_FORM])
    twins = encode(tokenizer, context.records("calibration"), [CALIBRATION_FORM])
    return Probes(forget, twins, retain) if forget and twins else None


class CalibratedStop:
    """A watch of a training phase that aims at the calibration twins.

    ``step_tokens``: how many tokens a training step reads, on average.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it looks at, how, where, and what a step costs
        self,
        model: Any,
        probes: Probes,
        settings: StopSettings,
        device: torch.device,
        step_tokens: float,
        seed: int = 0,
    ) -> None:
        self._model, self._settings, self._device = model, settings, device
        self._probes = probes.thinned(settings.tokens, seed)
        self._looks = Looks(self._probes.tokens, step_tokens, settings.share, settings.every)
        self._readings: list[Reading] = []
        self._best: Reading | None = None
        self._weights: dict[str, Tensor] = {}
        self._step = 0
        self.reason = ""

    @property
    def best(self) -> Reading | None:
        """Return the reading whose weights the phase ends with."""
        return self._best

    @property
    def reached(self) -> bool:
        """Say whether the forget records came to look never-trained."""
        return self.reason == "reached"

    @property
    def collapsed(self) -> bool:
        """Say whether retained knowledge was lost."""
        return self.reason == "collapsed"

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what the reader of the result should know."""
        if self.collapsed:
            return (COLLAPSED,)
        return () if self.reached else (NOT_REACHED,)

    @property
    def metrics(self) -> dict[str, float]:
        """Return the numbers of the moment that was kept, and what looking cost."""
        found = {"probe_tokens": float(self._looks.spent)}
        if self._best is None:
            return found
        return found | {
            "calibration_step": float(self._best.step),
            "calibration_rank": self._best.rank,
            "calibration_forget_nll": self._best.forget,
            "calibration_twins_nll": self._best.twins,
            "retain_nll": self._best.retain,
        }

    def read(self, step: int) -> Reading:
        """Look at the model now."""
        forget, twins, retain = (
            asked(self._model, samples, self._device)
            for samples in (self._probes.forget, self._probes.twins, self._probes.retain)
        )
        self._looks.took(step)
        kept = statistics.fmean(retain) if retain else 0.0
        return Reading(
            step, rank(forget, twins), statistics.fmean(forget), statistics.fmean(twins), kept
        )

    def __call__(self, step: int) -> bool:
        """Look when it is due; stop when forget has met the twins, or retained knowledge fell."""
        self._step = step
        if not self._looks.due(step):
            return False
        now = self.read(step)
        self._readings.append(now)
        if self._fell(now):
            self.reason = "collapsed"
            return True
        if now.rank <= INDISTINGUISHABLE + self._settings.tolerance:
            self._land(now)
            self.reason = "reached"
            return True
        if self._best is None or now.gap <= self._best.gap:
            self._keep(now)
        self._looks.plan(_next(self._readings))
        return False

    def _fell(self, now: Reading) -> bool:
        lost = now.retain - self._readings[0].retain
        usable = math.isfinite(now.retain) and math.isfinite(now.forget)
        return not usable or lost > self._settings.collapse

    def _land(self, now: Reading) -> None:
        """Keep these weights; if they overshot, search between them and the last ones kept."""
        before, near = self._best, self._weights
        if before is None or now.gap <= self._settings.tolerance:
            self._keep(now)
            return
        far = self._trained()
        closest, low, high = 1.0 if now.gap < before.gap else 0.0, 0.0, 1.0
        self._best = min((now, before), key=lambda item: item.gap)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            self._put(near, far, middle)
            reading = self.read(now.step)
            if reading.gap < self._best.gap:
                self._best, closest = reading, middle
            if reading.gap <= self._settings.tolerance:
                break
            low, high = (middle, high) if reading.rank > INDISTINGUISHABLE else (low, middle)
        self._put(near, far, closest)
        self._weights = self._trained()

    def _keep(self, reading: Reading) -> None:
        self._best, self._weights = reading, self._trained()

    def _trained(self) -> dict[str, Tensor]:
        """Return a copy of what is trained, in main memory."""
        return {
            name: local(item).detach().to("cpu", copy=True)
            for name, item in self._model.named_parameters()
            if item.requires_grad
        }

    @torch.no_grad()
    def _put(self, near: Mapping[str, Tensor], far: Mapping[str, Tensor], share: float) -> None:
        """Set what is trained to ``near``, moved by ``share`` of the way to ``far``."""
        own = dict(self._model.named_parameters())
        for name, value in near.items():
            local(own[name]).copy_(torch.lerp(value, far[name], share))

    def state(self) -> dict[str, Any]:
        """Return the readings, the best moment and its weights."""
        return {
            "readings": [asdict(item) for item in self._readings],
            "best": asdict(self._best) if self._best else None,
            "weights": self._weights,
            "looks": self._looks.state(),
            "step": self._step,
            "reason": self.reason,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the best moment back from a checkpoint."""
        self._readings = [Reading(**item) for item in state["readings"]]
        self._best = Reading(**state["best"]) if state["best"] else None
        self._weights = dict(state["weights"])
        self._looks.restore(state["looks"])
        self._step, self.reason = state["step"], state["reason"]

    def finish(self) -> None:
        """Put the weights of the best moment back; the last step may be it.

        Raises ``DIVERGED`` when that would be the model as it was: it is no result.
        """
        if self.collapsed and (self._best is None or self._best.step == 0):
            raise JobError(ErrorCode.DIVERGED, COLLAPSED_AT_ONCE)
        if self._best is None:
            return
        if not self.reason and self._step > self._best.step:
            last = self.read(self._step)
            if last.gap <= self._best.gap and not self._fell(last):
                self._best, self._weights = last, {}
        if self._weights:
            self._put(self._weights, self._weights, 0.0)
            self._weights = {}


def _next(readings: Sequence[Reading]) -> int:
    """Return the step of the next look: half-way to where a straight line meets the twins.

    At most twice as far as the last look was, for forgetting often grows faster.
    """
    now = readings[-1]
    if len(readings) == 1:
        return now.step + 1
    before = readings[-2]
    passed = now.step - before.step
    speed = (before.distance - now.distance) / passed
    if speed <= 0:
        return now.step + 2 * passed
    half = math.ceil(now.distance / speed / 2)
    return now.step + max(1, min(half, 2 * passed))


def local(item: Tensor) -> Tensor:
    """Return the part of a tensor that this process holds."""
    own: Tensor = item.to_local() if hasattr(item, "to_local") else item
    return own
