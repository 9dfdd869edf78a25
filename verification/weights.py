"""Two models as points in the space of their weights: how far apart, and what lies between.

Everything here is about two models of one architecture; :func:`same_parameters` says whether
they are. A tied output head is one tensor with the embeddings and belongs to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from verification.families.causal_lm import CausalLM

BLOCK = re.compile(r"\.(?:layers|h|blocks)\.(\d+)\.(.+)$")
EMBEDDINGS, HEAD, NORM = "embeddings", "output head", "final norm"


@dataclass(frozen=True)
class Change:
    """How one group of weights changed: the L2 norms of the difference and of the original."""

    distance: float
    norm: float

    @property
    def relative(self) -> float:
        """Return the distance as a share of the original's norm."""
        return self.distance / self.norm if self.norm else float(self.distance > 0.0)


def same_parameters(first: CausalLM, second: CausalLM) -> bool:
    """Say whether two models have floating-point parameters of the same names and shapes."""
    one, two = (dict(item.model.named_parameters()) for item in (first, second))
    return {name: item.shape for name, item in one.items() if item.is_floating_point()} == {
        name: item.shape for name, item in two.items() if item.is_floating_point()
    }


def group_of(name: str) -> str:
    """Return the layer group of a parameter: ``block 3 attention``, ``block 3 mlp``, ..."""
    if found := BLOCK.search(name):
        inside = found.group(2)
        kind = "attention" if re.search(r"attn|attention", inside) else "mlp"
        return f"block {int(found.group(1)) + 1} {kind}"
    if re.search(r"lm_head|embed_out|output", name):
        return HEAD
    if re.search(r"embed|wte|wpe", name):
        return EMBEDDINGS
    return NORM


def changes(original: CausalLM, other: CausalLM) -> Mapping[str, Change]:
    """Return, by layer group in the model's order, how far ``other`` lies from the original.

    ``block 3 attention`` holds the norm before it only if the family names it after it; norms
    inside a block count with its ``mlp``.
    """
    sums: dict[str, list[float]] = {}
    for name, before, after in _pairs(original, other):
        held = sums.setdefault(group_of(name), [0.0, 0.0])
        held[0] += float((after - before).square().sum())
        held[1] += float(before.square().sum())
    return {name: Change(moved**0.5, size**0.5) for name, (moved, size) in sums.items()}


def total(found: Mapping[str, Change]) -> Change:
    """Return the change of all groups together."""
    return Change(
        sum(item.distance**2 for item in found.values()) ** 0.5,
        sum(item.norm**2 for item in found.values()) ** 0.5,
    )


def interpolated(original: CausalLM, other: CausalLM, share: float, key: str) -> CausalLM:
    """Return a model with weights ``(1 - share) * original + share * other``.

    ``share`` 0 is the original, 1 the other one; ``key`` names the new model. Buffers are the
    original's. Both models must have the same parameters.
    """
    mixed = original.copied(key)
    with torch.no_grad():
        theirs = dict(other.model.named_parameters())
        for name, parameter in mixed.model.named_parameters():
            if parameter.is_floating_point():
                parameter.lerp_(theirs[name].to(parameter), share)
    return mixed


def _pairs(original: CausalLM, other: CausalLM) -> Iterator[tuple[str, Tensor, Tensor]]:
    theirs = dict(other.model.named_parameters())
    for name, parameter in original.model.named_parameters():
        if parameter.is_floating_point():
            after = theirs[name].detach().to(parameter.device)
            yield name, parameter.detach().double(), after.double()
