"""Low-rank adapters as what an unlearning phase trains, plainly or by FILA initialised.

FILA (LoKU, arXiv 2408.06621) starts the adapter where the forget records live. With ``F`` the
ratio of the Fisher informations of the forget and the retained records, row ``i`` of a weight ``W``
weighs ``w_i = sqrt(sum_j F_ij)``, and ``B A`` is the best approximation of ``W`` of that rank under
these weights: with ``diag(w) W = U S V'``, ``B = diag(w)^-1 U sqrt(S)`` and ``A = sqrt(S) V'``. The
paper takes ``B A`` off the frozen weight, so that the function is unchanged at first. Here the
frozen weight stays as it is and a second, frozen adapter counts ``-B A``: the same sum, the model
before unlearning stays readable, and the result is one ordinary adapter of twice the rank.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from contract.result import ErrorCode, JobError
from unlearning.selectors.settings import Lora

FUSED = re.compile(r"\.experts\.\w+$")
"""All experts' matrices of a layer in one tensor, as transformers stores most mixtures."""
RESULT, TRAINED, START = "default", "trained", "start"
GUARD = 1e-5
"""What is added to the retained records' information, as a share of its mean: none may be zero."""
EXTRA_DIRECTIONS = 32


def linear_layers(model: Any, targets: Sequence[str]) -> dict[str, Any]:
    """Return the linear layers that match one of the targets, all but the output layer if none.

    Raises ``BAD_JOB`` when no layer matches.
    """
    head = model.get_output_embeddings()
    found = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
        and (any(re.search(item, name) for item in targets) if targets else module is not head)
    }
    if not found:
        message = "no linear layer of the model matches the targets of the LoRA selector"
        raise JobError(ErrorCode.BAD_JOB, message)
    return found


def fused_experts(model: Any, targets: Sequence[str]) -> list[str]:
    """Return the tensors [experts, ., .] that match one of the targets, all if there are none."""
    return [
        name
        for name, item in model.named_parameters()
        if FUSED.search(name)
        and item.dim() == len(("expert", "out", "in"))
        and (not targets or any(re.search(target, name) for target in targets))
    ]


def attach(model: Any, selector: Lora, seed: int) -> PeftModel:
    """Return the model with adapters that add nothing yet; only they train."""
    config = _config(model, selector)
    config.target_parameters = fused_experts(model, selector.targets) or None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return get_peft_model(model, config, RESULT)


def attach_informed(
    model: Any,
    selector: Lora,
    forget: Mapping[str, Tensor],
    retain: Mapping[str, Tensor],
    seed: int,
) -> PeftModel:
    """Return the model with FILA's adapters; the informations are by weight name, of that shape."""
    layers = linear_layers(model, selector.targets)
    starts = {
        name: initial_factors(
            _upright(layer, layer.weight.detach()),
            _upright(layer, forget[f"{name}.weight"]),
            _upright(layer, retain[f"{name}.weight"]),
            selector.rank,
            seed,
        )
        for name, layer in layers.items()
    }
    config, same = _config(model, selector), _config(model, selector)
    wrapped: PeftModel = get_peft_model(model, config, TRAINED)
    wrapped.add_adapter(START, same)
    inner: Any = wrapped.get_base_model()
    with torch.no_grad():
        for name, (left, right) in starts.items():
            layer = inner.get_submodule(name)
            factor = layer.scaling[TRAINED] ** -0.5
            for adapter, sign in ((TRAINED, 1.0), (START, -1.0)):
                layer.lora_B[adapter].weight.copy_(left * factor * sign)
                layer.lora_A[adapter].weight.copy_(right * factor)
    base: Any = wrapped.base_model
    base.set_adapter([TRAINED, START])
    for name, parameter in wrapped.named_parameters():
        parameter.requires_grad_(f".{TRAINED}." in name)
    return wrapped


def initial_factors(
    weight: Tensor, forget: Tensor, retain: Tensor, rank: int, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Return ``B`` [out, rank] and ``A`` [rank, in] for a weight and informations [out, in]."""
    ratio = forget / (retain + GUARD * retain.mean().clamp_min(torch.finfo(retain.dtype).tiny))
    rows = ratio.sum(1).sqrt()
    rows = rows.clamp_min(GUARD * rows.max().clamp_min(torch.finfo(rows.dtype).tiny))
    rows = rows / rows.mean()  # the scale of all rows together cancels in B A
    kept = min(rank, *weight.shape)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        directions = min(kept + EXTRA_DIRECTIONS, *weight.shape)
        left, sizes, right = torch.svd_lowrank(rows[:, None] * weight.float(), directions, niter=8)
    root = sizes[:kept].sqrt()
    factors = left[:, :kept] * root / rows[:, None], root[:, None] * right[:, :kept].T
    missing = rank - kept
    if missing:
        empty = (weight.new_zeros(len(weight), missing), weight.new_zeros(missing, weight.shape[1]))
        factors = torch.cat([factors[0], empty[0]], 1), torch.cat([factors[1], empty[1]])
    return factors


def one_adapter(model: PeftModel) -> PeftModel:
    """Join trained and starting adapter to the one that their sum is."""
    if TRAINED in model.peft_config:
        model.add_weighted_adapter([TRAINED, START], [1.0, 1.0], RESULT, combination_type="cat")
        model.set_adapter(RESULT)
        for name in (TRAINED, START):
            model.delete_adapter(name)
    return model


def _config(model: Any, selector: Lora) -> LoraConfig:
    layers = linear_layers(model, selector.targets)
    return LoraConfig(
        r=selector.rank,
        lora_alpha=selector.alpha or 2 * selector.rank,
        lora_dropout=0.0,
        target_modules=sorted(layers),
        fan_in_fan_out=any(isinstance(item, Conv1D) for item in layers.values()),
        task_type="CAUSAL_LM",
    )


def _upright(layer: nn.Module, weight: Tensor) -> Tensor:
    """Return a weight as [out, in]; GPT-2 stores it the other way round."""
    return weight.T if isinstance(layer, Conv1D) else weight
