"""The first layers of a model as a causal language model of its own, without a second copy.

The shell has the model's embeddings, its first layers, its last norm and its output layer. Loaded
beside a model in memory it shares every tensor with it; alone (behind an engine that holds the
weights elsewhere) it reads only those tensors from the model's folder. The model itself is never
changed: what is trained on a shell are adapters of the shell.
"""

from __future__ import annotations

import copy
import inspect
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from contract.guard import GuardError


def first_layers(
    model: nn.Module | Path | str, count: int, device: torch.device | None = None
) -> Any:
    """Return a frozen causal LM of the first ``count`` layers of a model or a model's folder.

    ``device`` is where the layers of a folder go; those of a model stay where they are.
    Raises :class:`GuardError` for a model whose tensors cannot be shared (a quantised one).
    """
    shell: Any
    if isinstance(model, Path | str):
        config = _shortened(AutoConfig.from_pretrained(str(model), local_files_only=True), count)
        shell = AutoModelForCausalLM.from_pretrained(
            str(model), config=config, dtype="auto", local_files_only=True
        )
        return shell.to(device).requires_grad_(requires_grad=False).eval()
    with init_empty_weights(include_buffers=False):
        shell = type(model)(_shortened(model.config, count))
    own = model.state_dict()
    names = list(shell.state_dict())
    if any(name not in own for name in names) or getattr(model, "quantization_method", None):
        raise GuardError("a guard can share only the tensors of an unquantised transformers model")
    shell.load_state_dict({name: own[name] for name in names}, assign=True)
    shell.tie_weights()
    device = next(iter(own.values())).device
    return shell.to(device).requires_grad_(requires_grad=False).eval()


def layers_of(model: Any) -> int:
    """Return how many layers a model has."""
    return int(model.config.num_hidden_layers)


def fits(model: nn.Module | Path) -> dict[str, Any]:
    """Return the numbers by which a guard tells the architecture it was made for."""
    if isinstance(model, Path):
        config = AutoConfig.from_pretrained(str(model), local_files_only=True)
    else:
        config = model.config
    return {
        "model_type": config.model_type,
        "vocab_size": int(config.vocab_size),
        "hidden_size": int(config.hidden_size),
    }


def accepts(model: Any, argument: str) -> bool:
    """Say whether the model's forward pass takes an argument of this name."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return argument in inspect.signature(inner.forward).parameters


def positions_of(mask: torch.Tensor) -> torch.Tensor:
    """Return position ids [rows, length] of an attention mask padded on the left."""
    return (mask.cumsum(-1) - 1).clamp_min(0)


def _shortened(config: Any, count: int) -> Any:
    short = copy.deepcopy(config)
    short.num_hidden_layers = count
    if getattr(short, "layer_types", None):
        short.layer_types = list(short.layer_types)[:count]
    return short
