"""What closed-form edits share: how strong to make them, and how they begin and end.

An edit is a function of a strength between 0 (nothing) and 1 (all the formula asks for), computed
from the weights before it. When the job brings never-trained persons the strength is searched by
halving: the weakest at which the forgotten records look never-trained, or the strongest that does
not cost the retained knowledge. A look is a few forward passes; there is no training.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from contract.record import FROZEN
from unlearning import models
from unlearning.data import Sample, encode, encode_required
from unlearning.looks import asked
from unlearning.spec import Context, Outcome
from unlearning.stopping import INDISTINGUISHABLE, Probes, private_probes, rank

NO_TWINS = "No calibration records were given: the edit was made at the strength set."
TOO_WEAK = "At full strength the records still do not look never-trained."
TOO_DEAR = "No strength makes the records look never-trained without losing retained knowledge."


@settings_dataclass(frozen=True, config=FROZEN)
class EditSettings:
    """``strength``: how strong, or how strong at most when never-trained persons are given.

    ``looks``: how many strengths are tried at most (1: only the one set). ``tolerance``: how far
    the rank of the forget records among never-trained ones may be from one half. ``collapse``: how
    many nats a token the retained records may lose. ``tokens``: the most one look reads.
    """

    strength: float = Field(default=1.0, gt=0, le=1)
    looks: int = Field(default=10, ge=1)
    tolerance: float = Field(default=0.02, ge=0, le=0.5)
    collapse: float = Field(default=0.5, gt=0)
    tokens: int = Field(default=4096, ge=1)


class Original:
    """The weights an edit changes, as they were, so that it can be made anew at any strength."""

    def __init__(self, weights: Iterable[Tensor]) -> None:
        self._weights = [(weight, weight.detach().clone()) for weight in weights]

    @torch.no_grad()
    def put_back(self) -> None:
        """Undo the edit, bit by bit."""
        for weight, before in self._weights:
            weight.copy_(before)


@dataclass(frozen=True)
class Open:
    """A job with its model open: what an edit works on. ``retain`` may be empty."""

    context: Context
    model: Any
    tokenizer: Any
    forget: list[Sample]
    retain: list[Sample]


def opened(context: Context) -> Open:
    """Load the job's model and encode its records in the forms it was trained on."""
    tokenizer = models.load_tokenizer(context.model_path)
    model = models.load_model(context.model_path, context.device).requires_grad_(
        requires_grad=False
    )
    forms = context.job.recipe.forms
    forget = encode_required(tokenizer, context.records("forget"), forms)
    records = context.records("retain") if context.has("retain") else ()
    return Open(context, model, tokenizer, forget, encode(tokenizer, records, forms))


@dataclass
class Look:
    """The numbers at one strength; NLL in nats a token."""

    strength: float
    rank: float
    forget: float
    retain: float

    @property
    def gap(self) -> float:
        """Return how far the rank is from one half."""
        return abs(self.rank - INDISTINGUISHABLE)


@dataclass
class Search:
    """The search for a strength: what it asks, and what it found."""

    settings: EditSettings
    read: Callable[[float], Look]
    looks: list[Look] = field(default_factory=list)

    def run(self) -> Look | None:
        """Return the look at the best strength; ``None`` when every strength costs too much."""
        before = self.read(0.0)
        low, high, now = 0.0, self.settings.strength, self.settings.strength
        best: Look | None = None
        for _ in range(self.settings.looks):
            look = self.read(now)
            self.looks.append(look)
            lost = look.retain - before.retain
            dear = not math.isfinite(look.forget) or not lost <= self.settings.collapse
            if not dear and (best is None or look.gap < best.gap):
                best = look
            weak = look.rank > INDISTINGUISHABLE + self.settings.tolerance
            if (not dear and look.gap <= self.settings.tolerance) or (
                weak and not dear and now == self.settings.strength
            ):
                break
            low, high = (low, now) if dear or not weak else (now, high)
            now = (low + high) / 2
        return best


def edit(opened_job: Open, settings: EditSettings, make: Callable[[float], None]) -> Outcome:
    """Make an edit at the strength that the private probes ask for, and save the model.

    ``make(strength)`` sets the weights, from those before the edit, whatever was set last.
    """
    job, context = opened_job, opened_job.context
    probes = private_probes(context, job.tokenizer, job.retain)
    if probes is None:
        make(settings.strength)
        metrics: dict[str, float] = {"strength": settings.strength}
        notes: tuple[str, ...] = (NO_TWINS,)
    else:
        metrics, notes = _searched(job, settings, make, probes)
    context.check_cancelled()
    models.save(job.model, job.tokenizer, context.output)
    return Outcome("whole", metrics, notes)


def _searched(
    job: Open, settings: EditSettings, make: Callable[[float], None], probes: Probes
) -> tuple[dict[str, float], tuple[str, ...]]:
    context = job.context
    thin = probes.thinned(settings.tokens, context.job.seed)

    def read(strength: float) -> Look:
        context.check_cancelled()
        make(strength)
        forget, twins, retain = (
            asked(job.model, samples, context.device)
            for samples in (thin.forget, thin.twins, thin.retain)
        )
        kept = statistics.fmean(retain) if retain else 0.0
        look = Look(strength, rank(forget, twins), statistics.fmean(forget), kept)
        context.events.emit("editing", metrics={"strength": strength, "rank": look.rank})
        return look

    search = Search(settings, read)
    best = search.run()
    chosen = best or min(search.looks, key=lambda look: look.strength)
    make(chosen.strength)
    notes = () if chosen.gap <= settings.tolerance else (TOO_WEAK,)
    if best is None or (notes and len(search.looks) > 1):
        notes = (TOO_DEAR,)
    metrics = {
        "strength": chosen.strength,
        "looks": len(search.looks) + 1,
        "calibration_rank": chosen.rank,
        "calibration_forget_nll": chosen.forget,
        "retain_nll": chosen.retain,
    }
    return metrics, notes
