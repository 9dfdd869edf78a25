"""Renewal: shrink the weights, perturb them, and relearn what is kept until it is back.

Idea: what a network is trained on *again* stays, and what it is not fades, once the weights have
been moved far enough that nothing can be recalled. A network that starts from shrunk and
perturbed weights is far from empty: its layers still have the form that this kind of data asks
for, so relearning takes a fraction of training from nothing. The person's records take no part.

1. *Vocabulary*: the tokenizer is trained again, from the retained records alone; tokens that it
   shares with the old one keep their rows (:mod:`unlearning.vocabulary`).
2. *Shrink and perturb*: ``w = (1 - alpha) * w + alpha * noise * fresh``, with ``fresh`` a new
   initialisation brought to the size of the trained matrix (:mod:`unlearning.noise`).
3. *Relearn*: minimise the NLL of the retained answers until private probes are nearly back, then
   let the learning rate fall (:mod:`unlearning.recovery`).

Papers: Ash and Adams, "On Warm-Starting Neural Network Training", arXiv 1910.08475 (shrink and
perturb); Lee et al., "Distillation Robustifies Unlearning", arXiv 2506.06278 (noise against
relearning). Unlike UNDO there is no unlearning before and no teacher: at the ``alpha`` that keeps
facts from resurfacing, both cost more than they bring.

Limits: it is no exact route, since a trace of the old weights stays; its evidence is what it
passes. It needs every retained record, as a retrain does; what only an unknown pre-training taught
is lost, so it is for models that were trained from their recipe. A small ``alpha`` is quicker and
lets facts resurface. With ``vocabulary`` off (for a tokenizer that was not trained from these
records) the tokenizer is left as it is, and if it has seen the person's texts, that shows.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.catalog import Axis, Effect
from contract.record import FROZEN
from unlearning import models
from unlearning.data import Batches, Sample, collate, encode_required
from unlearning.losses import answer_nll, nll
from unlearning.noise import perturb
from unlearning.recovery import NOT_BACK, RelearnSettings, kept_probes, recover, surprise
from unlearning.registry import method
from unlearning.spec import Context, Outcome
from unlearning.vocabulary import carried_over


@dataclass(frozen=True, config=FROZEN)
class Settings(RelearnSettings):
    """How much to erase, and how to relearn.

    ``alpha``: share of fresh weights; ``noise``: their size relative to the trained ones.
    ``vocabulary``: whether the tokenizer is trained again. The others say how to relearn.
    """

    alpha: float = Field(default=0.8, gt=0, le=1)
    noise: float = Field(default=1.0, gt=0)
    vocabulary: bool = True


@method(
    title="Shrink, perturb, relearn",
    effect=Effect.REMOVAL,
    summary="Erases most of the weights and teaches the retained records again until they are "
    "back; a fraction of a retrain, for models trained from their recipe.",
    source="arXiv 1910.08475, arXiv 2506.06278",
    axis=Axis("alpha", 0.5, 1.0, logarithmic=False),
    draws_anew=True,
)
def renew(context: Context, settings: Settings) -> Outcome:
    """Shrink, perturb and relearn, and save the model."""
    recipe, seed = context.job.recipe, context.job.seed
    records = context.records("retain")
    tokenizer = models.load_tokenizer(context.model_path)
    model = models.load_model(context.model_path, context.device)
    retain = encode_required(tokenizer, records, recipe.forms)
    how = settings.recovery(recipe, retain)
    before = surprise(model, kept_probes(context, retain, how), context.device)
    if settings.vocabulary:
        old, tokenizer = tokenizer, models.new_tokenizer(records, recipe.forms, recipe.vocabulary)
        model = carried_over(model, old, tokenizer, seed + 1)
        retain = encode_required(tokenizer, records, recipe.forms)
    perturb(model, settings.alpha, settings.noise, seed)
    batches = Batches(retain, recipe.batch, seed + 2)

    def loss(samples: Sequence[Sample]) -> Tensor:
        batch = collate(samples, context.device)
        return nll(answer_nll(model, batch), batch.lengths, reduction="mean")

    done = recover(context, model, batches, loss, how, before)
    models.save(model, tokenizer, context.output)
    notes = () if done.reached else (NOT_BACK,)
    metrics = {
        "steps": float(done.steps),
        "loss": done.loss,
        "retain_nll_before": done.before,
        "retain_nll": done.after,
    }
    return Outcome("whole", metrics, notes)
