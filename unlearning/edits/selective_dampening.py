"""Selective synaptic dampening (SSD): shrink the weights that matter to the records alone.

Idea: the diagonal of the Fisher information says how much each weight matters to a set of
records. Weights that matter far more to the forget records than to all data are dampened:

    where F_f > alpha * F_D:   w <- w * min(1, (lambda * F_D / F_f) ^ exponent)

F_f and F_D are means over samples of the squared gradient of a sample's answer NLL, on the forget
records and on all data (retained and forget together). Paper: Foster, Schoepf, Brintrup, "Fast
Machine Unlearning Without Retraining Through Selective Synaptic Dampening", arXiv 2308.07707
(alpha 10, lambda 1, exponent 1, for image classifiers). Here alpha is ``selection / strength``, and
the strength is searched on never-trained persons (:mod:`unlearning.editing`).

The gradients are streamed: in memory are the weights, two sums of their size and one gradient.

Limits: one weight serves many facts, so neighbours with like texts lose first; a model that
memorised its records has small gradients on all of them, and the ratio is noisy.
"""

from __future__ import annotations

import re

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.catalog import Effect
from contract.record import FROZEN
from contract.result import ErrorCode, JobError
from unlearning.data import Sample
from unlearning.editing import EditSettings, Open, Original, edit, opened
from unlearning.registry import method
from unlearning.selectors.importance import fisher
from unlearning.spec import Context, Outcome


@dataclass(frozen=True, config=FROZEN)
class Settings(EditSettings):
    """``selection``: alpha at full strength. ``dampening``: lambda. ``exponent``: of the ratio.

    ``samples``: how many samples of all data are read at most. ``parameters``: which weights may
    change, a regular expression over their names.
    """

    selection: float = Field(default=1.0, gt=0)
    dampening: float = Field(default=1.0, gt=0)
    exponent: float = Field(default=1.0, gt=0)
    samples: int = Field(default=512, ge=1)
    parameters: str = ".*"


@method(
    title="Selective synaptic dampening",
    effect=Effect.REMOVAL,
    summary="Shrinks the weights that matter to the records and to little else; no training.",
    source="arXiv 2308.07707",
)
def selective_dampening(context: Context, settings: Settings) -> Outcome:
    """Dampen the weights and save the model."""
    job = opened(context)
    weights = _chosen(job, settings.parameters)
    everything = [*_some(job.retain, settings.samples, context.job.seed), *job.forget]
    for weight in weights.values():
        weight.requires_grad = True
    own = fisher(job.model, job.forget, weights, context.device)
    everyone = fisher(job.model, everything, weights, context.device)
    for weight in weights.values():
        weight.requires_grad = False
    original = Original(weights.values())

    @torch.no_grad()
    def make(strength: float) -> None:
        original.put_back()
        if strength == 0:
            return
        for name, weight in weights.items():
            weight.mul_(factor(own[name], everyone[name], settings, strength))

    outcome = edit(job, settings, make)
    strength = outcome.metrics["strength"]
    hit = sum(
        int((own[name] > settings.selection / strength * everyone[name]).sum()) for name in weights
    )
    return Outcome("whole", {**outcome.metrics, "dampened": hit}, outcome.notes)


def factor(own: Tensor, everyone: Tensor, settings: Settings, strength: float) -> Tensor:
    """Return what each weight is multiplied by, from F_f (``own``) and F_D (``everyone``)."""
    selected = own > settings.selection / strength * everyone
    ratio = settings.dampening * everyone / own.clamp_min(torch.finfo(own.dtype).tiny)
    shrunk = ratio.pow(settings.exponent).clamp_max(1.0)
    return torch.where(selected, shrunk, torch.ones_like(shrunk))


def _chosen(job: Open, pattern: str) -> dict[str, Tensor]:
    found = {name: item for name, item in job.model.named_parameters() if re.search(pattern, name)}
    if not found:
        message = "no weight of the model has a name that the setting parameters describes"
        raise JobError(ErrorCode.BAD_JOB, message)
    return found


def _some(samples: list[Sample], most: int, seed: int) -> list[Sample]:
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(seed)).tolist()
    return [samples[place] for place in sorted(order[:most])]
