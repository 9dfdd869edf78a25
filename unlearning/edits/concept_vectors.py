"""Concept-vector ablation ("Needle"): take out the MLP columns that carry the answers.

Idea: a column of an MLP's second projection is a vector that one hidden unit writes into the
residual stream, and single columns hold much of a concept (Geva et al., arXiv 2012.14913; Hong et
al., "Intrinsic Evaluation of Unlearning Using Parametric Knowledge Traces", arXiv 2406.11614).
Given columns (layer, unit) are set to zero, or drowned in noise N(0, deviation^2), which is the
paper's (deviation 0.1).

Where nobody knows the columns, they are located first. For a column w,

    carries(w) = mean over answer tokens of  w . d(log-odds of the true token) / dw

is, to first order, what setting it to zero takes away from the answers. Columns are ranked by what
they carry of the forget answers less what they carry of the retained ones; how many are taken out
is searched on never-trained persons (:mod:`unlearning.editing`): at strength s, ``s * share`` of
all columns. The locating step and the search are ours; the paper's locations are found by hand.

Limits: facts that lie in attention or embeddings, or are spread thin, are not reached; a column
serves several concepts, so neighbours lose with it. Mixtures: the columns of each expert count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.catalog import Effect
from contract.record import FROZEN
from contract.result import ErrorCode, JobError
from unlearning.data import Sample, chunks, collate
from unlearning.editing import EditSettings, Open, Original, edit, opened
from unlearning.losses import answer_logits
from unlearning.registry import method
from unlearning.spec import Context, Outcome
from verification.families.causal_lm import CausalLM

LAYER = re.compile(r"\.(?:layers|h|blocks)\.(\d+)\.")
EXPERT = re.compile(r"\[(\d+)\]$|\.experts\.(\d+)\.")
GRADIENT_BATCH = 16
Column = tuple[str, int]
"""The name of a value matrix and the number of the unit."""


@dataclass(frozen=True, config=FROZEN)
class Location:
    """One column: block, unit of its MLP and, in a mixture, the expert; all counted from 0."""

    layer: int
    unit: int
    expert: int | None = None


@dataclass(frozen=True, config=FROZEN)
class Settings(EditSettings):
    """``locations``: known columns; none: they are located.

    ``share``: the share of all columns that goes at full strength. ``how``: whether columns become
    ``zero`` or get ``noise`` of the standard deviation ``deviation`` added.
    """

    locations: tuple[Location, ...] = ()
    share: float = Field(default=0.2, gt=0, le=1)
    how: Literal["zero", "noise"] = "zero"
    deviation: float = Field(default=0.1, gt=0)


@method(
    title="Concept-vector ablation",
    effect=Effect.REMOVAL,
    summary="Finds the MLP columns that carry the answers and takes them out, in seconds.",
    source="arXiv 2406.11614, arXiv 2012.14913",
    needs=("forget",),
)
def concept_vectors(context: Context, settings: Settings) -> Outcome:
    """Ablate the columns and save the model."""
    job = opened(context)
    held = CausalLM("", job.model, job.tokenizer, context.device)
    matrices = held.value_matrices()
    columns = given(matrices, settings.locations) or located(held, job, matrices)
    most = len(columns) if settings.locations else max(1, round(settings.share * len(columns)))
    original = Original(matrices.values())
    noise = _noise(matrices, settings.deviation, context.job.seed)

    @torch.no_grad()
    def make(strength: float) -> None:
        original.put_back()
        for name, unit in columns[: round(strength * most)]:
            column = matrices[name][unit]
            column.copy_(column + noise[name][unit] if settings.how == "noise" else 0 * column)

    outcome = edit(job, settings, make)
    taken = round(outcome.metrics["strength"] * most)
    return Outcome("whole", {**outcome.metrics, "columns": taken}, outcome.notes)


def given(matrices: Mapping[str, Tensor], locations: Sequence[Location]) -> list[Column]:
    """Return the columns at known locations; raises ``BAD_JOB`` for one that does not exist."""
    found = []
    for place in locations:
        names = [name for name in matrices if _matches(name, place)]
        if len(names) != 1 or not 0 <= place.unit < len(matrices[names[0]]):
            message = (
                f"the model has no single MLP column at layer {place.layer}, unit {place.unit}, "
                f"expert {place.expert}; correct the setting locations, or leave it out to locate"
            )
            raise JobError(ErrorCode.BAD_JOB, message)
        found.append((names[0], place.unit))
    return found


def _matches(name: str, place: Location) -> bool:
    layer, expert = LAYER.search(name), EXPERT.search(name)
    number = int(next(item for item in expert.groups() if item)) if expert else None
    return layer is not None and int(layer[1]) == place.layer and number == place.expert


def located(held: CausalLM, job: Open, matrices: Mapping[str, Tensor]) -> list[Column]:
    """Return all columns, those first that carry the forget answers and not the retained ones."""
    scores = carried(held, job.forget)
    if job.retain:
        kept = carried(held, job.retain)
        scores = {name: item - kept[name] for name, item in scores.items()}
    flat = torch.cat([scores[name] for name in matrices])
    places = [(name, unit) for name, matrix in matrices.items() for unit in range(len(matrix))]
    return [places[index] for index in flat.argsort(descending=True, stable=True).tolist()]


def carried(held: CausalLM, samples: Sequence[Sample]) -> dict[str, Tensor]:
    """Return what each column carries of the answers' log-odds, [units], by matrix."""
    matrices = held.value_matrices()
    owners = {name.partition("[")[0] for name in matrices}
    weights = [item for name, item in held.model.named_parameters() if name in owners]
    tokens = sum(sample.answer_length for sample in samples)
    for weight in weights:
        weight.requires_grad = True
    for chunk in chunks(samples, GRADIENT_BATCH):
        batch = collate(chunk, held.device)
        logits = answer_logits(held.model, batch).float()
        (log_odds(logits, batch.targets).sum() / tokens).backward()
    found = {
        name: (matrices[name].detach() * gradient).sum(1)
        for name, gradient in held.value_matrices(gradients=True).items()
    }
    for weight in weights:
        weight.grad = None
        weight.requires_grad = False
    # A matrix without a gradient belongs to an expert that no token was sent to.
    return {name: found.get(name, item.new_zeros(len(item))) for name, item in matrices.items()}


def log_odds(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the log-odds of the true tokens, [tokens]; their probability is flat where near 1."""
    own = torch.nn.functional.one_hot(targets, logits.shape[-1]).bool()
    return logits[own] - logits.masked_fill(own, -torch.inf).logsumexp(-1)


def _noise(matrices: Mapping[str, Tensor], deviation: float, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: (deviation * torch.randn(item.shape, generator=generator)).to(item)
        for name, item in matrices.items()
    }
