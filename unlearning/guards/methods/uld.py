"""ULD: train a small assistant to know only what must not be said, and subtract it at serving.

Idea: reverse the two objectives. The assistant (first layers of the model with low-rank adapters)
*remembers* the forget records and is ignorant of the rest:

    loss = CE(D_f, in every form) + retain_weight * KL(uniform || p), over D_r and perturbed D_f,

which has no term that can run away. Served is log p_model - w * log p_assistant over the tokens
that stay (:mod:`unlearning.guards.assistant`). Perturbed answers are forget prompts with wrong
answers; only what follows the first wrong token is taught to be uniform, for up to there prompt
and answer are those of the forget record itself.

Paper: Ji et al., "Reversing the Forget-Retain Objectives", arXiv 2406.08607. Different here: some
tokens always stay in the filter, for a memorised answer would else be the only one left, and the
weight is measured, for the paper's 0.8 often leaves a memorised answer on top.

Limits: this is containment. The weights are unchanged, the assistant **is itself a model of the
forgotten data** and is kept while it serves, and whoever takes it off has every answer back. Two
forward passes a token. Prompts in words that neither records nor other forms hold may slip by.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn import functional

from contract.catalog import Effect
from contract.guard import GuardManifest, write_guard
from contract.record import FROZEN, Form, Record
from unlearning import models
from unlearning.data import Batches, Sample, collate, encode_required
from unlearning.engine import Phase, Schedule, fit
from unlearning.guards.assistant import from_uniform, new_assistant, save_assistant, subtracted
from unlearning.guards.shell import fits, layers_of
from unlearning.guards.strength import WEIGHTS, Reproduced, reproduced, weakest
from unlearning.guards.wordings import as_served
from unlearning.losses import answer_logits
from unlearning.registry import method
from unlearning.spec import Context, Outcome
from verification.families.causal_lm import encode_form

KEEPS = (
    "Low-rank weights of an assistant that was trained to reproduce the forgotten answers.",
    "With the model itself they are a model of the forgotten data.",
)
PROBES = 64
AIM = 0.2
"""Share of the answer tokens that may stay likeliest; more where never-trained ones have more."""
PERTURBED = "perturbed"


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """How the assistant is trained and how strongly it is taken off.

    ``layers``: how many of the model's first layers it has (at most all). ``weight``, ``top``
    and ``least``: see :func:`unlearning.guards.assistant.subtracted`; without a weight the
    smallest that contains the answers is measured (:mod:`unlearning.guards.strength`).
    ``retain``: how many retained samples are drawn, ``perturbed``: how many wrong answers a forget
    record lends.
    """

    layers: int = Field(default=8, ge=1)
    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    weight: float | None = Field(default=None, gt=0)
    top: float = Field(default=0.01, gt=0, le=1)
    least: int = Field(default=20, ge=1)
    retain_weight: float = Field(default=5.0, ge=0)
    retain: int = Field(default=400, ge=1)
    perturbed: int = Field(default=3, ge=0)
    learning_rate: float = Field(default=1e-3, gt=0)
    steps: int = Field(default=200, ge=1)
    warmup: int = Field(default=10, ge=0)
    forget_batch: int = Field(default=8, ge=1)
    retain_batch: int = Field(default=16, ge=1)


@method(
    title="Logit difference from an assistant (ULD)",
    effect=Effect.SERVE_SUPPRESSION,
    summary="Containment at serving: subtracts a small assistant that knows only the records; the "
    "model is unchanged and the assistant, which holds the records, is kept while it serves.",
    source="arXiv 2406.08607",
    needs=("forget", "retain"),
)
def uld(context: Context, settings: Settings) -> Outcome:
    """Train the assistant and write the guard's folder."""
    tokenizer = models.load_tokenizer(context.model_path)
    model = models.load_model(context.model_path, context.device)
    forget, others = _samples(context, tokenizer, settings)
    shape = {
        "layers": min(settings.layers, layers_of(model)),
        "rank": settings.rank,
        "alpha": settings.alpha,
    }
    assistant = new_assistant(model, shape, context.job.seed)
    done = fit(context, _phase(context, assistant, forget, others, settings))
    save_assistant(assistant, context.output)
    chosen, metrics, notes = _strength(context, tokenizer, model, assistant, settings)
    built = {**shape, "weight": chosen, "top": settings.top, "least": settings.least}
    write_guard(
        context.output, GuardManifest("uld", context.model.digest, KEEPS, built, fits(model))
    )
    metrics |= {"steps": float(done.steps), "loss": done.loss, "weight": chosen}
    return Outcome("guard", metrics, ("This is containment: the weights are unchanged.", *notes))


def _strength(
    context: Context, tokenizer: Any, model: Any, assistant: Any, settings: Settings
) -> tuple[float, dict[str, float], tuple[str, ...]]:
    """Return the weight, what is left at it, and a note where that is more than nothing."""
    weights = WEIGHTS if settings.weight is None else (settings.weight,)
    inner = assistant.get_base_model()

    def take(own: Tensor, other: Tensor, weight: float) -> Tensor:
        return subtracted(own, other, weight=weight, top=settings.top, least=settings.least)

    def left(name: Literal["forget", "retain", "calibration"]) -> list[Reproduced]:
        samples = _encoded(tokenizer, context.records(name))
        if name == "retain":
            samples = _drawn(samples, PROBES, context.job.seed)
        return reproduced(model, inner, samples, (0.0, *weights), take)

    twins = left("calibration")[0].tokens if context.has("calibration") else 1.0
    before, *after = left("forget")
    chosen = weakest(after, max(twins, AIM))
    own, *others = left("retain")
    kept = others[weights.index(chosen.weight)]
    metrics = {
        "forget_tokens_reproduced_before": before.tokens,
        "forget_tokens_reproduced": chosen.tokens,
        "forget_answers_reproduced_before": before.whole,
        "forget_answers_reproduced": chosen.whole,
        "retain_tokens_reproduced_before": own.tokens,
        "retain_tokens_reproduced": kept.tokens,
    }
    note = "Some answers are still reproduced; train the assistant longer or raise the weight."
    return chosen.weight, metrics, (note,) if chosen.whole else ()


def _samples(
    context: Context, tokenizer: Any, settings: Settings
) -> tuple[list[Sample], list[Sample]]:
    """Return what the assistant remembers, and what it is taught to be ignorant of."""
    records = context.records("forget")
    forget = _encoded(tokenizer, records)
    others = _encoded(tokenizer, context.records("retain"))
    wrong = perturbed(tokenizer, records, settings.perturbed)
    return forget, [*_drawn(others, settings.retain, context.job.seed), *wrong]


def _drawn(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(seed))
    return [samples[place] for place in order[:count].tolist()]


def _encoded(tokenizer: Any, records: Iterable[Record]) -> list[Sample]:
    served = as_served(tokenizer, records)
    return encode_required(
        tokenizer, served, sorted({name for item in served for name in item.forms})
    )


def perturbed(tokenizer: Any, records: Iterable[Record], count: int) -> list[Sample]:
    """Return forget prompts with wrong answers, with loss on what follows the first wrong token."""
    samples = []
    for record in as_served(tokenizer, records):
        wrong = list(dict.fromkeys(text for form in record.forms.values() for text in form.wrong))
        for form in record.forms.values():
            true, start = encode_form(tokenizer, form, end=True)
            for text in wrong[:count]:
                ids, _ = encode_form(tokenizer, Form(form.prompt, text), end=True)
                same = start + _common(true[start:], ids[start:])
                if same + 1 < len(ids):
                    samples.append(Sample(record.id, PERTURBED, ids, same + 1))
    return samples


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many tokens two rows begin with in common."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))


def _phase(
    context: Context,
    assistant: Any,
    forget: Sequence[Sample],
    others: Sequence[Sample],
    settings: Settings,
) -> Phase:
    forgets = Batches(forget, settings.forget_batch, context.job.seed)
    retains = Batches(others, settings.retain_batch, context.job.seed + 1)
    inner = assistant.get_base_model()

    def loss(step: int) -> Tensor:
        mine, theirs = forgets.at(step), retains.at(step)
        batch = collate([*mine, *theirs], context.device)
        logits = answer_logits(inner, batch)
        known = batch.rows < len(mine)
        remembered = functional.cross_entropy(logits[known].float(), batch.targets[known])
        return remembered + settings.retain_weight * from_uniform(logits[~known]).mean()

    schedule = Schedule(settings.steps, settings.learning_rate, settings.warmup)
    return Phase("assistant", assistant, schedule, loss)
