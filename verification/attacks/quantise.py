"""Round the weights to 8 or 4 bits, as they are when a model is deployed on small machines.

A method that moves weights only a little, so as not to hurt the rest of the model, moves many of
them by less than half a rounding step: rounded, they are the original's again. Zhang et al.
(arXiv 2410.16454) found 21 % of the forgotten knowledge kept in full precision and 83 % after
4-bit rounding. Whoever asks the full-precision model alone is fooled by such a method.

* ``int8``, ``int4``: round to nearest on an evenly spaced grid between the least and the greatest
  weight of each group (which always has 0 on it): ``(round(w / s) + z - z) s``,
  ``s = (max - min) / (2^bits - 1)``.
* ``nf4``: the nearest of 16 levels, quantiles of a normal distribution, times the greatest
  absolute weight of each group of 64 (Dettmers et al., arXiv 2305.14314).
* ``bitsandbytes``: the same levels by the library that deployments use, when it is installed;
  its own kernels then do the arithmetic.

Weights are rounded and stored as numbers of their own kind again ("fake quantisation"): what is
lost is the same, and every check runs on any machine. Like the usual tools it leaves embeddings,
norms and the output head alone. Groups run along the inputs of a unit.

Limits: rounding to nearest, no calibration data (GPTQ, AWQ); test the deployed precision too.
Honest deletions have nothing to come back, so the twins of the same rounded model are the control.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from pydantic.dataclasses import dataclass
from scipy import stats
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from contract.record import FROZEN
from contract.result import ErrorCode, JobError
from verification.families.causal_lm import CausalLM
from verification.registry import attack
from verification.spec import Context, Tampered

OUTERMOST = 0.9677083
"""The probability at the outermost level of NF4, as published with bitsandbytes."""
NF4_GROUP = 64
SMALLEST_SCALE = 1e-12


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``kinds`` of rounding; ``group`` weights share one scale in the even grids."""

    kinds: tuple[str, ...] = ("int8", "int4", "nf4", "bitsandbytes")
    group: int = 64


@attack(
    title="Rounding the weights to 8 and 4 bits",
    source="Zhang et al. 2024 (arXiv 2410.16454); NF4: Dettmers et al. 2023 (arXiv 2305.14314)",
)
def quantise(context: Context, settings: Settings) -> Iterator[Tampered]:
    """Yield the candidate in every kind of rounding that this machine can do."""
    for kind in settings.kinds:
        label = f"quantise-{kind}"
        if not context.wants(label):
            continue
        if kind == "bitsandbytes" and importlib.util.find_spec("bitsandbytes") is None:
            if context.wanted:
                message = "bitsandbytes is not installed; install it, or ask for quantise-nf4"
                raise JobError(ErrorCode.NOT_SUPPORTED, message)
            continue
        yield Tampered(label, quantised(context.candidate, kind, settings.group))


def quantised(model: CausalLM, kind: str, group: int = NF4_GROUP) -> CausalLM:
    """Return a copy of the model with its linear weights rounded.

    Raises :class:`contract.result.JobError` for a model that holds no weights to round (one that
    is quantised already: ask that one as it is).
    """
    copy = model.copied(f"{model.key}+quantise-{kind}-{group}")
    if kind == "bitsandbytes":
        _by_bitsandbytes(copy.model)
        return copy
    found = False
    with torch.no_grad():
        for _, weight in linear_weights(copy.model):
            found = True
            weight.copy_(rounded(weight, kind, group))
    if not found:
        message = "the model is quantised already; its checks without an attack are the answer"
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    return copy


def linear_weights(model: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield name and weight [..., outputs, inputs] of all linear maps between hidden states.

    Embeddings, norms, biases and the output head are left out; GPT-2's transposed matrices are
    given as views the right way round, and so are the experts of a mixture, in one tensor.
    """
    kept = {
        id(weight)
        for module in model.modules()
        if isinstance(module, nn.Embedding)
        for weight in module.parameters()
    }
    head = model.get_output_embeddings()
    if head is not None:
        kept |= {id(weight) for weight in head.parameters()}
    for place, module in model.named_modules():
        for name, weight in module.named_parameters(recurse=False):
            if weight.dim() > 1 and weight.is_floating_point() and id(weight) not in kept:
                yield f"{place}.{name}", weight.T if isinstance(module, Conv1D) else weight


def rounded(weight: Tensor, kind: str, group: int) -> Tensor:
    """Return a weight [..., inputs] rounded in groups of ``group`` inputs (the last one shorter).

    ``kind`` is ``int8``, ``int4`` or ``nf4`` (which has its own group size).
    """
    if kind == "nf4":
        # Groups of NF4 run through the whole matrix, row after row.
        return _grouped(weight.reshape(-1), NF4_GROUP, nearest_nf4).reshape(weight.shape)
    bits = int(kind.removeprefix("int"))
    return _grouped(weight, group, lambda part: nearest_even(part, bits))


def nearest_even(part: Tensor, bits: int) -> Tensor:
    """Round groups [..., group] to an even grid of ``2^bits`` values from least to greatest."""
    steps = 2**bits - 1
    low = part.amin(-1, keepdim=True).clamp_max(0.0)
    high = part.amax(-1, keepdim=True).clamp_min(0.0)
    scale = ((high - low) / steps).clamp_min(SMALLEST_SCALE)
    zero = (-low / scale).round()
    rounded: Tensor = (((part / scale).round() + zero).clamp(0, steps) - zero) * scale
    return rounded


def nearest_nf4(part: Tensor) -> Tensor:
    """Round groups [..., group] to the nearest of 16 normal quantiles times the largest weight."""
    levels = torch.tensor(nf4_levels(), device=part.device)
    scale = part.abs().amax(-1, keepdim=True).clamp_min(SMALLEST_SCALE)
    borders = (levels[1:] + levels[:-1]) / 2
    return levels[torch.bucketize((part / scale).contiguous(), borders)] * scale


@cache
def nf4_levels() -> tuple[float, ...]:
    """Return the 16 levels of NF4: 7 quantiles below zero, zero, and 8 above, the ends at 1."""
    above = stats.norm.ppf(torch.linspace(OUTERMOST, 0.5, 9, dtype=torch.float64)[:-1].numpy())
    below = -stats.norm.ppf(torch.linspace(OUTERMOST, 0.5, 8, dtype=torch.float64)[:-1].numpy())
    largest = float(above.max())
    return tuple(sorted(float(level) / largest for level in (*above, 0.0, *below)))


def _grouped(weight: Tensor, group: int, round_group: Any) -> Tensor:
    """Apply ``round_group`` to whole groups of the last dimension, and to what is left over."""
    values = weight.float()
    whole = values.shape[-1] // group * group
    parts = []
    if whole:
        head = values[..., :whole].unflatten(-1, (-1, group))
        parts.append(round_group(head).flatten(-2))
    if whole < values.shape[-1]:
        parts.append(round_group(values[..., whole:]))
    return torch.cat(parts, dim=-1).to(weight)


def _by_bitsandbytes(model: Any) -> None:
    """Replace every linear layer but the head by one of bitsandbytes, in place."""
    # An extra that most machines do without, and that brings no types.
    layers_of: Any = importlib.import_module("bitsandbytes.nn")
    head = model.get_output_embeddings()
    layers = [
        (place, layer)
        for place, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and layer is not head
    ]
    if not layers:
        message = "the model has no linear layers that bitsandbytes could take"
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    for place, layer in layers:
        small = layers_of.Linear4bit(
            layer.in_features,
            layer.out_features,
            bias=layer.bias is not None,
            compute_dtype=layer.weight.dtype,
            quant_type="nf4",
        )
        small.weight = layers_of.Params4bit(
            layer.weight.data, requires_grad=False, quant_type="nf4", compress_statistics=False
        )
        small.bias = layer.bias
        owner, _, name = place.rpartition(".")
        setattr(model.get_submodule(owner), name, small.to(layer.weight.device))
