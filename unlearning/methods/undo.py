"""UNDO: unlearn, perturb the weights, distil the unlearned outputs on retained records.

Idea: fine-tuning away from a fact leaves it latent in the weights. A student that starts from
partly erased weights and only ever sees the unlearned teacher's *outputs on retained records*
has nothing left to be reminded of.

1. *Unlearn*: a gradient method (``inner``, NPO unless told otherwise) with calibrated stopping
   gives the teacher (:mod:`unlearning.forgetting`).
2. *Perturb*: ``w = (1 - alpha) * w_teacher + alpha * noise * w_fresh``, with ``w_fresh`` a new
   initialisation of the same architecture, brought to the size of the trained weights.
3. *Distil*: minimise ``(1 - truth) * KL(teacher || student) + truth * NLL`` on the answer tokens
   of the retained records, until retained knowledge is back (:mod:`unlearning.recovery`). The
   true answers are mixed in because unlearning bruises the teacher. No forget record takes part
   in this phase.

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

from contract.catalog import Axis, Effect
from contract.record import FROZEN
from unlearning import models, registry
from unlearning.data import Batches, Sample, chunks, collate, encode_required
from unlearning.forgetting import forget_records
from unlearning.losses import answer_logits, distillation
from unlearning.noise import perturb
from unlearning.recovery import NOT_BACK, RelearnSettings, kept_probes, recover, surprise
from unlearning.reference import MEASURING_BATCH
from unlearning.registry import method
from unlearning.spec import Context, Outcome


@dataclass(frozen=True, config=FROZEN)
class Settings(RelearnSettings):
    """How much to erase and how long to teach.

    ``alpha``: share of fresh weights; ``noise``: their size relative to the trained ones.
    ``truth``: weight of the true answers of retained records beside the teacher's outputs.
    ``top``: how many of the teacher's most likely tokens are kept. ``inner`` names the gradient
    method of the first phase, ``unlearn`` are its settings. The others say how to distil.
    """

    alpha: float = Field(default=0.9, gt=0, le=1)
    noise: float = Field(default=0.5, gt=0)
    truth: float = Field(default=0.7, ge=0, le=1)
    top: int = Field(default=32, ge=1)
    inner: str = "npo"
    unlearn: Mapping[str, Any] = field(default_factory=dict)


@method(
    title="Unlearn, perturb, distil (UNDO)",
    effect=Effect.REMOVAL,
    summary="Unlearns, erases part of the weights and teaches them again from outputs on retained "
    "records only; slower, much harder to undo.",
    source="arXiv 2506.06278",
    axis=Axis("alpha", 0.5, 1.0, logarithmic=False),
)
def undo(context: Context, settings: Settings) -> Outcome:
    """Unlearn by UNDO and save the model."""
    inner, objective = registry.gradient(settings.inner, settings.unlearn)
    recipe = context.job.recipe
    tokenizer = models.load_tokenizer(context.model_path)
    model = models.load_model(context.model_path, context.device)
    retain = encode_required(tokenizer, context.records("retain"), recipe.forms)
    how = settings.recovery(recipe, retain)
    before = surprise(model, kept_probes(context, retain, how), context.device)
    unlearned = forget_records(context, model, tokenizer, inner, objective)
    model = unlearned.model
    lessons = Lessons(model, retain, settings.top, context.device)
    perturb(model, settings.alpha, settings.noise, context.job.seed)
    batches = Batches(retain, recipe.batch, context.job.seed + 2)

    def loss(samples: Sequence[Sample]) -> Tensor:
        kept, log_probs = lessons.at(samples, context.device)
        batch = collate(samples, context.device)
        logits = answer_logits(model, batch)
        taught = distillation(logits, kept, log_probs).mean()
        true = functional.cross_entropy(logits.float(), batch.targets)
        return (1 - settings.truth) * taught + settings.truth * true

    done = recover(context, model, batches, loss, how, before)
    models.save(model, tokenizer, context.output)
    distilled = {"distilling_steps": float(done.steps), "distilling_loss": done.loss}
    notes = () if done.reached else (NOT_BACK,)
    return Outcome("whole", {**unlearned.metrics, **distilled}, (*unlearned.notes, *notes))


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
