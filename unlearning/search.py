"""How strong a method has to be: a search along the one axis that its card declares.

Published settings hardly transfer between models, and a method that is tuned on what verifies it
proves nothing. This search judges on a private split alone: records in the form that no
verification asks, and never-trained persons that neither the method's stopping rule nor a
verification sees. Three questions are asked of a trial's model:

* *rank*: are forgotten records told from never-trained ones? (one half: no)
* *relearned*: and after a few steps of training on half of both? What was only suppressed comes
  back in the other half.
* *lost*: how many nats a token have the retained records become more surprising?

Too gentle a method leaves the first two above their tolerance, too harsh a one the last, or the
rank below one half; so the axis is bisected, and the search ends with the first trial that has no
fault, or with its budget. It keeps the model of the best trial, so nothing is trained twice.
Everything follows from the job's seed, and a finished trial is not run again after a restart.

Limits: with few records a rank is coarse; one strength is searched, not several; a method may be
too gentle and too harsh at once, and then the smaller fault is kept, with a note.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from contract.catalog import Axis
from contract.record import CALIBRATION_FORM, FROZEN, Record
from unlearning.data import Batches, Sample, collate, encode
from unlearning.looks import asked, thinned
from unlearning.losses import answer_nll, nll
from unlearning.spec import Context
from unlearning.stopping import INDISTINGUISHABLE, rank

SIGNIFICANT = 3
"""Digits of a strength: what was searched should be readable."""


@settings_dataclass(frozen=True, config=FROZEN)
class JudgeSettings:
    """What a trial may still show, and how it is made to show it.

    ``told``: how far a rank may be from one half; ``lost``: nats a token. ``steps``, ``batch`` and
    ``rate`` (a factor of the recipe's learning rate) are those of relearning; ``tokens`` bounds
    the retained records that are asked.
    """

    told: float = Field(default=0.1, ge=0, le=0.5)
    lost: float = Field(default=0.2, gt=0)
    steps: int = Field(default=24, ge=0)
    batch: int = Field(default=16, ge=1)
    rate: float = Field(default=0.2, gt=0)
    tokens: int = Field(default=4096, ge=1)


@dataclass(frozen=True)
class Judgement:
    """What a trial showed, against what is tolerated."""

    rank: float
    relearned: float
    lost: float
    limits: JudgeSettings = field(default_factory=JudgeSettings)

    @property
    def remembered(self) -> float:
        """Return by how much memory exceeds what is tolerated."""
        ceiling = INDISTINGUISHABLE + self.limits.told
        return max(0.0, self.rank - ceiling) + max(0.0, self.relearned - ceiling)

    @property
    def harmed(self) -> float:
        """Return by how much harm exceeds what is tolerated; over-forgetting is harm too."""
        over = max(0.0, INDISTINGUISHABLE - self.limits.told - self.rank)
        return over + max(0.0, self.lost - self.limits.lost)

    @property
    def fault(self) -> float:
        """Return how bad the trial is; 0 is good."""
        return self.remembered + self.harmed


RUINED = Judgement(0.0, 0.0, 1e9)
"""Of a trial that diverged: there is no model to ask."""


@dataclass(frozen=True)
class Trial:
    """A strength and what it led to."""

    number: int
    strength: float
    judgement: Judgement


def strength_at(axis: Axis, place: float) -> float:
    """Return the value at a place of the axis, 0 (gentle) to 1 (harsh)."""
    if axis.logarithmic:
        value = math.exp(math.log(axis.low) + place * math.log(axis.high / axis.low))
    else:
        value = axis.low + place * (axis.high - axis.low)
    return float(f"{value:.{SIGNIFICANT}g}")


def search(
    axis: Axis, budget: int, judge: Callable[[int, float], Judgement]
) -> tuple[Trial, list[Trial]]:
    """Bisect the axis; returns the best trial and all of them, in order.

    ``judge(number, strength)`` tries a strength.
    """
    gentle, harsh = 0.0, 1.0
    trials: list[Trial] = []
    for number in range(budget):
        place = (gentle + harsh) / 2
        strength = strength_at(axis, place)
        judgement = judge(number, strength)
        trials.append(Trial(number, strength, judgement))
        if judgement.fault == 0:
            break
        if judgement.harmed > judgement.remembered:
            harsh = place
        else:
            gentle = place
    return min(trials, key=lambda trial: (trial.judgement.fault, trial.number)), trials


@dataclass(frozen=True)
class Judge:
    """Asks trials' models on the private split of a job.

    ``twins`` are never-trained persons that the trials' stopping rules do not see; ``before`` is
    what the retained samples cost in the model before unlearning.
    """

    forget: Sequence[Sample]
    twins: Sequence[Sample]
    retain: Sequence[Sample]
    before: float
    settings: JudgeSettings
    device: torch.device
    rate: float
    seed: int

    @staticmethod
    def of(
        context: Context,
        model: Any,
        tokenizer: Any,
        settings: JudgeSettings,
        twins: Sequence[Record],
    ) -> Judge:
        """Return the judge of a job; ``model`` is the one before unlearning."""
        recipe, seed = context.job.recipe, context.job.seed
        trained = encode(tokenizer, context.records("retain"), recipe.forms)
        retain = thinned(trained, settings.tokens, seed + 5)
        return Judge(
            encode(tokenizer, context.records("forget"), [CALIBRATION_FORM]),
            encode(tokenizer, twins, [CALIBRATION_FORM]),
            retain,
            statistics.fmean(asked(model, retain, context.device)),
            settings,
            context.device,
            settings.rate * recipe.learning_rate,
            seed,
        )

    def __call__(self, model: Any) -> Judgement:
        """Judge a model; its weights are not what they were afterwards."""
        now = rank(self._asked(model, self.forget), self._asked(model, self.twins))
        lost = statistics.fmean(self._asked(model, self.retain)) - self.before
        taught, kept = _halves(self.forget, self.seed)
        beside, others = _halves(self.twins, self.seed + 1)
        self._relearn(model, [*taught, *beside])
        again = rank(self._asked(model, kept), self._asked(model, others))
        if not math.isfinite(lost):
            return RUINED
        return Judgement(now, again, lost, self.settings)

    def _asked(self, model: Any, samples: Sequence[Sample]) -> list[float]:
        return asked(model, samples, self.device)

    def _relearn(self, model: Any, samples: Sequence[Sample]) -> None:
        """Train the model a few steps on samples: half of those that are judged."""
        batches = Batches(samples, self.settings.batch, self.seed)
        weights = [item.requires_grad_() for item in model.parameters()]
        optimiser = torch.optim.AdamW(weights, lr=self.rate, weight_decay=0.0)
        model.train()
        for step in range(self.settings.steps):
            batch = collate(batches.at(step), self.device)
            nll(answer_nll(model, batch), batch.lengths, reduction="mean").backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        model.eval()


def _halves(items: Sequence[Sample], seed: int) -> tuple[list[Sample], list[Sample]]:
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(items), generator=generator).tolist()
    middle = (len(items) + 1) // 2
    return [items[place] for place in order[:middle]], [items[place] for place in order[middle:]]


def split_twins(records: Sequence[Record], seed: int) -> tuple[list[Record], list[Record]]:
    """Deal never-trained records to a stopping rule and a judge; what shares a path stays together.

    Both sides get some when there are two paths.
    """
    paths = sorted({record.path for record in records})
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(paths), generator=generator).tolist()
    judging = {paths[place] for place in order[: len(paths) // 2]}
    return (
        [record for record in records if record.path not in judging],
        [record for record in records if record.path in judging],
    )
