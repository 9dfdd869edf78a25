"""Layered unlearning: forget in growing parts, so that relearning one does not bring the rest.

Idea: one pass of unlearning leaves one mechanism that suppresses everything, and whatever relearns
a part of the records switches it off for all. So the records are dealt into ``folds`` F_1 .. F_k,
and an inner method runs k times on its own result: at stage i it forgets ``F_1 .. F_i`` together
and *retains* ``F_i+1 .. F_k`` beside the retained records,

    theta_i = U(theta_i-1, forget F_1 + ... + F_i, retain R + F_i+1 + ... + F_k)

which leaves a mechanism of its own for every fold. Paper: Qian et al., "Layered Unlearning for
Adversarial Relearning", arXiv 2505.09500. What the inner method compares with (NPO's reference,
RMU's states) is the model at the beginning of its stage, as in the formula.

Limits: k times the cost of the inner method. It resists relearning from part of the records;
against relearning from all of them it is as weak as the inner method, whose claim it carries.
A request of fewer records than folds has as many folds as records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass as plain_dataclass
from dataclasses import field, fields
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.record import FROZEN, Record
from unlearning import models, registry
from unlearning.forgetting import forget_records
from unlearning.registry import method
from unlearning.spec import Context, DataName, Outcome


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """How many folds, and which gradient method forgets them; ``unlearn`` are its settings."""

    folds: int = Field(default=3, ge=2)
    inner: str = "npo"
    unlearn: Mapping[str, Any] = field(default_factory=dict)


@plain_dataclass(frozen=True)
class Stage(Context):
    """The job as one stage sees it: with records, and a work folder, of its own."""

    own: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)

    def has(self, name: DataName) -> bool:
        """Say whether the stage has records of this kind."""
        return bool(self.own[name]) if name in self.own else super().has(name)

    def records(self, name: DataName) -> tuple[Record, ...]:
        """Return the records of the stage, or of the job where they are the same."""
        return self.own[name] if name in self.own else super().records(name)


@method(
    title="Layered unlearning",
    effect=Effect.REMOVAL,
    summary="Forgets in growing parts: relearning one part does not bring back the others.",
    source="arXiv 2505.09500",
)
def layered(context: Context, settings: Settings) -> Outcome:
    """Run the inner method once for every fold and save the model."""
    inner, objective = registry.gradient(settings.inner, settings.unlearn)
    tokenizer = models.load_tokenizer(context.model_path)
    model = models.load_model(context.model_path, context.device)
    folds = deal(context.records("forget"), settings.folds, context.job.seed)
    metrics: dict[str, float] = {"folds": float(len(folds))}
    notes: dict[str, None] = {}
    steps = 0.0
    for number in range(1, len(folds) + 1):
        context.events.emit("layering", f"fold {number} of {len(folds)}")
        done = forget_records(stage_of(context, folds, number), model, tokenizer, inner, objective)
        model = done.model
        steps += done.metrics["forgetting_steps"]
        notes |= dict.fromkeys(done.notes)
        metrics |= done.metrics
    models.save(model, tokenizer, context.output)
    return Outcome("whole", {**metrics, "forgetting_steps": steps}, tuple(notes))


def deal(records: tuple[Record, ...], count: int, seed: int) -> list[tuple[Record, ...]]:
    """Deal records into at most ``count`` folds of like size, in an order of the seed's."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(records), generator=generator).tolist()
    dealt = [tuple(records[item] for item in order[first::count]) for first in range(count)]
    return [fold for fold in dealt if fold]


def stage_of(context: Context, folds: list[tuple[Record, ...]], number: int) -> Stage:
    """Return the job of stage ``number``, counted from one."""
    work = context.work / f"fold-{number}"
    work.mkdir(exist_ok=True)
    forget = tuple(record for fold in folds[:number] for record in fold)
    later = tuple(record for fold in folds[number:] for record in fold)
    retain = context.records("retain") if context.has("retain") else ()
    given = {item.name: getattr(context, item.name) for item in fields(Context) if item.init}
    return Stage(**{**given, "work": work}, own={"forget": forget, "retain": (*retain, *later)})
