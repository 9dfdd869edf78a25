"""Mixtures of experts: their routers, and which expert the forget records use most.

Experts lie in one tensor each for all of a layer (``[experts, ., .]``, as transformers 5 stores
Mixtral, Qwen-MoE, OLMoE and others) or in a list of modules; both are understood. Routers are read
by a hook, from the scores that they give to every expert.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from contract.result import ErrorCode, JobError
from unlearning.data import Sample, chunks, collate
from unlearning.losses.forward import blocks_of

ROUTERS = ("gate", "router")
SCORING_BATCH = 32


@dataclass(frozen=True)
class Mixture:
    """The mixture of one layer: where its router and its experts are, and how many."""

    layer: int
    router: nn.Module
    experts: nn.Module
    count: int


def mixtures(model: Any) -> Mapping[int, Mixture]:
    """Return the mixtures of a model by layer; raises ``NOT_SUPPORTED`` when it has none."""
    found = {}
    for layer, block in enumerate(blocks_of(model)):
        for module in block.modules():
            experts = getattr(module, "experts", None)
            router = next((item for name in ROUTERS if (item := getattr(module, name, None))), None)
            if isinstance(experts, nn.Module) and isinstance(router, nn.Module):
                found[layer] = Mixture(layer, router, experts, _count(experts, router))
                break
    if not found:
        message = "the model has no mixture of experts; choose a method that needs none"
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    return found


@contextmanager
def watched(mixture: Mixture) -> Iterator[list[Tensor]]:
    """Collect the gates [tokens, experts] of every pass of the router: scores after a softmax."""
    passes: list[Tensor] = []

    def note(_: nn.Module, __: Any, output: Any) -> None:
        parts = output if isinstance(output, tuple) else (output,)
        scores = next(item for item in parts if item.shape[-1] == mixture.count)
        passes.append(scores.reshape(-1, mixture.count).float().softmax(-1))

    handle = mixture.router.register_forward_hook(note)
    try:
        yield passes
    finally:
        handle.remove()


@torch.no_grad()
def attribution(
    model: Any, samples: Sequence[Sample], device: torch.device
) -> Mapping[int, Tensor]:
    """Return by layer how much each expert is used, [experts].

    Gates are averaged over the tokens of a text, then over texts (SEUF, arXiv 2411.18797).
    """
    found = {}
    for layer, mixture in mixtures(model).items():
        found[layer] = torch.zeros(mixture.count)
        for chunk in chunks(samples, SCORING_BATCH):
            batch = collate(chunk, device)
            with watched(mixture) as passes:
                model.base_model(input_ids=batch.ids, use_cache=False)
            gates = passes[0].reshape(*batch.ids.shape, mixture.count)
            for sample, row in zip(chunk, gates, strict=True):
                found[layer] += row[: len(sample.ids)].mean(0).cpu() / len(samples)
    return found


def chosen(
    model: Any,
    layer: int | None,
    expert: int | None,
    samples: Sequence[Sample],
    device: torch.device,
) -> tuple[Mixture, int, float | None]:
    """Return a mixture, the number of an expert in it, and how much the samples use that one.

    What is not given is found by attribution; an expert can only be given with its layer. Raises
    ``BAD_JOB`` when there is no such expert.
    """
    found = mixtures(model)
    share = None
    if expert is None:
        layer, expert, share = _most_used(attribution(model, samples, device), layer)
    if layer is None:
        raise JobError(ErrorCode.BAD_JOB, "an expert can only be chosen together with its layer")
    if layer not in found or expert >= found[layer].count:
        message = f"the model has no expert {expert} in a mixture of layer {layer}"
        raise JobError(ErrorCode.BAD_JOB, message)
    return found[layer], expert, share


def _most_used(scores: Mapping[int, Tensor], layer: int | None) -> tuple[int, int, float]:
    if layer is None:
        layer = max(scores, key=lambda item: float(scores[item].max()))
    if layer not in scores:
        raise JobError(ErrorCode.BAD_JOB, f"layer {layer} of the model has no mixture of experts")
    return layer, int(scores[layer].argmax()), float(scores[layer].max())


def _count(experts: nn.Module, router: nn.Module) -> int:
    if isinstance(experts, nn.ModuleList):
        return len(experts)
    weight = getattr(router, "weight", None)
    named = getattr(experts, "num_experts", None)
    return int(named if named is not None else weight.shape[0])  # type: ignore[union-attr]
