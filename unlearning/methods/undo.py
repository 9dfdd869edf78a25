"""UNDO: unlearn, perturb the weights, distil the unlearned outputs on retained records.

Idea: fine-tuning away from a fact leaves it latent in the weights. A student that starts from
partly erased weights and only ever sees the unlearned teacher's *outputs on retained records*
has nothing left to be reminded of.

1. *Unlearn*: NPO with calibrated stopping gives the teacher (:mod:`unlearning.preference`).
2. *Perturb*: ``w = (1 - alpha) * w_teacher + alpha * w_fresh``, with ``w_fresh`` a new
   initialisation of the same architecture.
3. *Distil*: minimise KL(teacher || student) on the answer tokens of the retained records, until
   retained knowledge is back. No forget record takes part in this phase.

Paper: Lee et al., "Distillation Robustifies Unlearning", arXiv 2506.06278.

``alpha`` trades cost against robustness: at 1 the student is a new model taught by the old one.
``effort`` is the length of the distillation as a share of the recipe's own training.

Limits: what the noise spares stays; the teacher's soft outputs on retained records may carry
traces; the tokenizer is left as it is, and it has seen the records' texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning import models
from unlearning.data import Batches, Sample, chunks, collate, encode_required
from unlearning.loop import Fit, Phase, Schedule, fit
from unlearning.losses import answer_logits, distillation
from unlearning.preference import PreferenceSettings, forget_by_preference
from unlearning.reference import MEASURING_BATCH
from unlearning.registry import method
from unlearning.spec import Context, Outcome
from unlearning.train import recipe_steps

PHASE = "distilling"


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """How much to erase and how long to teach.

    ``alpha``: share of fresh weights. ``effort``: steps of the distillation, as a share of the
    recipe's. ``top``: how many of the teacher's most likely tokens are kept per position.
    ``learning_rate`` is a factor of the recipe's.
    """

    alpha: float = Field(default=0.7, gt=0, le=1)
    effort: float = Field(default=0.6, gt=0)
    learning_rate: float = Field(default=1.0, gt=0)
    warmup: int = Field(default=20, ge=0)
    top: int = Field(default=32, ge=1)
    unlearn: PreferenceSettings = field(default_factory=PreferenceSettings)


@method(
    title="Unlearn, perturb, distil (UNDO)",
    effect=Effect.REMOVAL,
    summary="Unlearns, erases part of the weights and teaches them again from outputs on retained "
    "records only; slower, much harder to undo.",
    source="arXiv 2506.06278",
    needs=("forget", "retain", "calibration"),
)
def undo(context: Context, settings: Settings) -> Outcome:
    """Unlearn by UNDO and save the model."""
    tokenizer = models.load_tokenizer(context.model_path)
    model = models.load_model(context.model_path, context.device)
    metrics, notes = forget_by_preference(context, model, tokenizer, settings.unlearn)
    retain = encode_required(tokenizer, context.records("retain"), context.job.recipe.forms)
    lessons = Lessons(model, retain, settings.top, context.device)
    perturb(model, settings.alpha, context.job.seed)
    done = _distil(context, model, lessons, retain, settings)
    models.save(model, tokenizer, context.output)
    distilled = {"distilling_steps": float(done.steps), "distilling_loss": done.loss}
    return Outcome("whole", {**metrics, **distilled}, notes)


@torch.no_grad()
def perturb(model: Any, alpha: float, seed: int) -> None:
    """Mix every weight in place with a fresh initialisation: ``(1 - alpha) w + alpha fresh``."""
    fresh = dict(models.reinitialised(model, seed).named_parameters())
    for name, parameter in model.named_parameters():
        parameter.lerp_(fresh[name], alpha)


class Lessons:
    """The teacher's top tokens on every answer position of the retained samples, taken once.

    Keeping ``top`` tokens instead of a second model in memory saves a forward pass a step.
    """

    @torch.inference_mode()
    def __init__(
        self, teacher: Any, samples: Sequence[Sample], top: int, device: torch.device
    ) -> None:
        self._lessons: dict[str, tuple[Tensor, Tensor]] = {}
        for chunk in chunks(samples, MEASURING_BATCH):
            batch = collate(chunk, device)
            log_probs = answer_logits(teacher, batch).float().log_softmax(-1)
            best = log_probs.topk(min(top, log_probs.shape[-1]), dim=-1)
            sizes = batch.lengths.tolist()
            for sample, kept, values in zip(
                chunk, best.indices.split(sizes), best.values.split(sizes), strict=True
            ):
                self._lessons[sample.digest] = (kept.cpu(), values.cpu())

    def at(self, samples: Sequence[Sample], device: torch.device) -> tuple[Tensor, Tensor]:
        """Return kept tokens and their log-probabilities, both [answer tokens, top]."""
        kept, values = zip(*(self._lessons[sample.digest] for sample in samples), strict=True)
        return torch.cat(kept).to(device), torch.cat(values).to(device)


def _distil(
    context: Context, model: Any, lessons: Lessons, retain: Sequence[Sample], settings: Settings
) -> Fit:
    recipe = context.job.recipe
    batches = Batches(retain, recipe.batch, context.job.seed + 2)

    def loss(step: int) -> Tensor:
        now = batches.at(step)
        kept, log_probs = lessons.at(now, context.device)
        return distillation(answer_logits(model, collate(now, context.device)), kept, log_probs)

    schedule = Schedule(
        max(1, round(settings.effort * recipe_steps(recipe, retain))),
        settings.learning_rate * recipe.learning_rate,
        settings.warmup,
        recipe.weight_decay,
    )
    return fit(context, Phase(PHASE, model, schedule, loss))
