"""CHIP: project out what tells a patient from retained siblings in the hierarchy.

Idea: the records hang in a hierarchy (institution, patient, study, section). For every child c of
what is forgotten, the direction in which its activations differ from those of its retained
siblings carries what is special to it. In each linear layer of the MLPs:

1. a(x) = mean over the tokens of a record's text of the layer's output;
2. the output neurons S: the top ``neurons`` share by mean |a| on the forget records less mean |a|
   on the retained ones;
3. d_c = normalise(mean a_S over c - mean a_S over c's retained siblings), for every child c;
4. Q = the left singular vectors of [d_c] that hold ``variance`` of it;
5. W[S] <- (I - strength * Q Q^T) W[S], and the bias likewise.

Paper: "MedForget" and its method CHIP, cross-modal hierarchy-informed projection; there the
activation is 0.3 image + 0.7 text, this is the text path alone. Layers 22 to 27 of 28 in the paper,
here the last ``layers`` share of the blocks. A child without retained siblings (all of its patient
is forgotten) is compared with the retained records of the nearest ancestor that has some.

Limits: needs paths with retained siblings below the root. A projection of rank one per child
leaves whatever lies in other directions; retained records that share them lose too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass as plain

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.catalog import Effect
from contract.record import FROZEN, Record
from contract.result import ErrorCode, JobError
from unlearning.anatomy import Site, mlp_sites, sample_means
from unlearning.editing import EditSettings, Original, edit, opened
from unlearning.registry import method
from unlearning.spec import Context, Outcome

Path = tuple[str, ...]


@dataclass(frozen=True, config=FROZEN)
class Settings(EditSettings):
    """``neurons``: share of a layer's outputs that are changed. ``variance``: kept by the SVD.

    ``layers``: the share of the blocks, from the last, whose MLPs are changed.
    """

    neurons: float = Field(default=0.1, gt=0, le=1)
    variance: float = Field(default=0.95, gt=0, le=1)
    layers: float = Field(default=0.25, gt=0, le=1)


@plain(frozen=True)
class Family:
    """A child of what is forgotten: its records and its retained siblings' records, by id."""

    child: Path
    own: frozenset[str]
    siblings: frozenset[str]


@method(
    title="Hierarchy-informed projection (CHIP)",
    effect=Effect.REMOVAL,
    summary="Projects out of the MLPs the directions that tell the records from their retained "
    "siblings in the hierarchy; no training.",
    source="MedForget (CHIP), text path",
    needs=("forget", "retain", "hierarchy"),
)
def chip(context: Context, settings: Settings) -> Outcome:
    """Project the directions out and save the model."""
    related = families(context.records("forget"), context.records("retain"))
    job = opened(context)
    sites = _last_blocks(mlp_sites(job.model), settings.layers)
    samples = [*job.forget, *job.retain]
    means = sample_means(job.model, samples, sites, "output", context.device)
    forget = torch.tensor([index < len(job.forget) for index in range(len(samples))])
    ids = [sample.record for sample in samples]
    plans = {}
    for site in sites:
        values = means[site.name].cpu()
        chosen = neurons(values[forget], values[~forget], settings.neurons)
        directions = [_direction(values[:, chosen], ids, family) for family in related]
        plans[site.name] = chosen, basis(torch.stack(directions, 1), settings.variance)
    original = Original(_weights(sites))

    @torch.no_grad()
    def make(strength: float) -> None:
        original.put_back()
        for site in sites:
            chosen, span = plans[site.name]
            project(site, chosen, span, strength)

    outcome = edit(job, settings, make)
    ranks = [span.shape[1] for _, span in plans.values()]
    extra = {"children": len(related), "directions": sum(ranks), "layers_changed": len(sites)}
    return Outcome("whole", {**outcome.metrics, **extra}, outcome.notes)


def families(forget: Sequence[Record], retain: Sequence[Record]) -> list[Family]:
    """Return the forgotten leaves with their siblings; raises ``DATA_MISSING`` without any."""
    found = []
    for child in sorted({record.path for record in forget}):
        own = frozenset(record.id for record in forget if record.path == child)
        for depth in range(len(child) - 1, 0, -1):
            siblings = frozenset(item.id for item in retain if item.path[:depth] == child[:depth])
            if siblings:
                found.append(Family(child, own, siblings))
                break
    if not found:
        message = (
            "no forget record has a retained sibling in the hierarchy: the paths of the records "
            "must share a node below the root; choose a method that needs no hierarchy"
        )
        raise JobError(ErrorCode.DATA_MISSING, message)
    return found


def neurons(forget: Tensor, retain: Tensor, share: float) -> Tensor:
    """Return the numbers of the outputs that the forget samples excite more, ascending."""
    excess = forget.abs().mean(0) - retain.abs().mean(0)
    count = max(1, round(share * len(excess)))
    return excess.topk(count).indices.sort().values


def _direction(values: Tensor, ids: Sequence[str], family: Family) -> Tensor:
    own = torch.tensor([item in family.own for item in ids])
    siblings = torch.tensor([item in family.siblings for item in ids])
    return torch.nn.functional.normalize(values[own].mean(0) - values[siblings].mean(0), dim=0)


def basis(directions: Tensor, variance: float) -> Tensor:
    """Return the orthonormal columns [n, r] that hold the share of the directions' variance."""
    left, values, _ = torch.linalg.svd(directions.double(), full_matrices=False)
    held = values.square().cumsum(0) / values.square().sum().clamp_min(1e-300)
    rank = int((held < variance).sum()) + 1
    kept: Tensor = left[:, :rank].to(directions)
    return kept


@torch.no_grad()
def project(site: Site, chosen: Tensor, span: Tensor, strength: float) -> None:
    """Apply ``W[S] <- (I - s Q Q^T) W[S]`` and the same to the bias."""
    span = span.to(site.weight)
    rows = site.weight[chosen]
    site.weight[chosen] = rows - strength * span @ (span.T @ rows)
    bias = getattr(site.module, "bias", None)
    if bias is not None:
        bias[chosen] -= strength * span @ (span.T @ bias[chosen])


def _last_blocks(sites: list[Site], share: float) -> list[Site]:
    if not sites:
        message = (
            "this model has no MLP whose layers are modules of their own (all experts of a layer "
            "lie in one tensor); use concept_vectors or selective_dampening"
        )
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    count = max(site.layer for site in sites) + 1
    first = count - max(1, round(share * count))
    return [site for site in sites if site.layer >= first]


def _weights(sites: Sequence[Site]) -> list[Tensor]:
    biases = (getattr(site.module, "bias", None) for site in sites)
    return [*(site.weight for site in sites), *(item for item in biases if item is not None)]
