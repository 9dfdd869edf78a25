"""UNDO: unlearn, perturb the weights, distil the unlearned outputs on retained records.

Idea: fine-tuning away from a fact leaves it latent in the weights. A student that starts from
partly erased weights and only ever sees the unlearned teacher's *outputs on retained records*
has nothing left to be reminded of.

1. *Unlearn*: a gradient method (``inner``, NPO unless told otherwise) with calibrated stopping
   gives the teacher (:mod:`unlearning.forgetting`).
2. *Perturb*: ``w = (1 - alpha) * w_teacher + alpha * noise * w_fresh``, with ``w_fresh`` a new
   initialisation of the same architecture, brought to the size of the trained weights.
3. *Distil*: minimise ``(1 - truth) * KL(teacher || student) + truth * NLL`` on the answer tokens
   of the retained records, until retained knowledge is back. The true answers are mixed in
   because unlearning bruises the teacher. No forget record takes part in this phase.

Paper: Lee et al., "Distillation Robustifies Unlearning", arXiv 2506.06278.

``alpha`` trades cost against robustness: at 1 the student is a new model taught by the old one.
On the hospital model, 0.5 to 0.7 let most of the suppressed facts resurface (noise wears the
suppression away before the facts); 0.9 did not.

Limits: what the noise spares stays; the teacher's soft outputs on retained records may carry
traces; the tokenizer is left as it is, and it has seen the records' texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn import functional

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning import models, registry
from unlearning.data import Batches, Sample, chunks, collate, encode_required
from unlearning.engine import Fit, Phase, Schedule, fit
from unlearning.forgetting import forget_records
from unlearning.losses import answer_logits, distillation
from unlearning.reference import MEASURING_BATCH
from unlearning.registry import method
from unlearning.spec import Context, Outcome
from unlearning.train import recipe_steps

PHASE = "distilling"


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """How much to erase and how long to teach.

    ``alpha``: share of fresh weights; ``noise``: their size relative to the trained ones.
    ``effort``: steps of the distillation, as a share of the recipe's. ``truth``: weight of the
    true answers of retained records beside the teacher's outputs. ``rate``: learning rate as a
    factor of the recipe's. ``top``: how many of the teacher's most likely tokens are kept.
    ``inner`` names the gradient method of the first phase, ``unlearn`` are its settings.
    """

    alpha: float = Field(default=0.9, gt=0, le=1)
    noise: float = Field(default=0.5, gt=0)
    effort: float = Field(default=0.6, gt=0)
    truth: float = Field(default=0.7, ge=0, le=1)
    rate: float = Field(default=1.5, gt=0)
    warmup: int = Field(default=50, ge=0)
    top: int = Field(default=32, ge=1)
    inner: str = "npo"
    unlearn: Mapping[str, Any] = field(default_factory=dict)


@method(
    title="Unlearn, perturb, distil (UNDO)",
    effect=Effect.REMOVAL,
    summary="Unlearns, erases part of the weights and teaches them again from outputs on retained "
    "records only; slower, much harder to undo.",
    source="arXiv 2506.06278",
)
def undo(context: Context, settings: Settings) -> Outcome:
    """Unlearn by UNDO and save the model."""
    inner, objective = registry.gradient(settings.inner, settings.unlearn)
    tokenizer = models.load_tokenizer(context.model_path)
    model = models.load_model(context.model_path, context.device)
    unlearned = forget_records(context, model, tokenizer, inner, objective)
    model = unlearned.model
    retain = encode_required(tokenizer, context.records("retain"), context.job.recipe.forms)
    lessons = Lessons(model, retain, settings.top, context.device)
    perturb(model, settings.alpha, settings.noise, context.job.seed)
    done = _distil(context, model, lessons, retain, settings)
    models.save(model, tokenizer, context.output)
    distilled = {"distilling_steps": float(done.steps), "distilling_loss": done.loss}
    return Outcome("whole", {**unlearned.metrics, **distilled}, unlearned.notes)


@torch.no_grad()
def perturb(model: Any, alpha: float, noise: float, seed: int) -> None:
    """Mix every weight in place: ``(1 - alpha) * w + alpha * noise * fresh``.

    ``fresh`` is a new initialisation, brought to the size (root mean square) of the trained
    matrix it replaces and multiplied by ``noise``. Trained matrices are several times larger than
    fresh ones, and a network with normalised layers hardly feels a mere shrinking.
    """
    fresh = dict(models.reinitialised(model, seed).named_parameters())
    for name, parameter in model.named_parameters():
        target = fresh[name].detach()
        if parameter.dim() > 1:
            target = target * (noise * size(parameter) / size(target).clamp_min(1e-12))
        parameter.lerp_(target, alpha)


def size(weight: Tensor) -> Tensor:
    """Return the root mean square of a weight."""
    return weight.square().mean().sqrt()


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
            sizes = [sample.answer_length for sample in chunk]
            for sample, kept, values in zip(
                chunk,
                torch.split(best.indices, sizes),
                torch.split(best.values, sizes),
                strict=True,
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
        batch = collate(now, context.device)
        logits = answer_logits(model, batch)
        taught = distillation(logits, kept, log_probs).mean()
        true = functional.cross_entropy(logits.float(), batch.targets)
        return (1 - settings.truth) * taught + settings.truth * true

    schedule = Schedule(
        max(1, round(settings.effort * recipe_steps(recipe, retain))),
        settings.rate * recipe.learning_rate,
        settings.warmup,
        recipe.weight_decay,
    )
    return fit(context, Phase(PHASE, model, schedule, loss))
