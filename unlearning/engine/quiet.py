"""Training without chance: no dropout, and activations computed twice instead of kept.

The model before unlearning is measured once and without dropout; comparing it with a model that
drops activations at random would compare two different functions. Without dropout a run is also
the same every time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

RATES = frozenset(
    {
        "activation_dropout",
        "attention_dropout",
        "attn_dropout",
        "attn_pdrop",
        "dropout",
        "dropout_p",
        "embd_pdrop",
        "hidden_dropout",
        "resid_dropout",
        "resid_pdrop",
    }
)
"""What transformers modules call the rates that they use without a dropout module."""


@contextmanager
def without_dropout(module: nn.Module) -> Iterator[None]:
    """Train the module with every dropout rate at zero; put the rates back afterwards."""
    held: list[tuple[nn.Module, str, float]] = []
    for item in module.modules():
        names = {"p"} if isinstance(item, nn.Dropout) else RATES
        held.extend(
            (item, name, value)
            for name, value in vars(item).items()
            if name in names and isinstance(value, float) and value > 0
        )
    for item, name, _ in held:
        setattr(item, name, 0.0)
    try:
        yield
    finally:
        for item, name, value in held:
            setattr(item, name, value)


@contextmanager
def recomputing(module: Any, *, wanted: bool) -> Iterator[None]:
    """Keep no activations inside a layer; only what a layer is given.

    The embedding's output is made to need a gradient: with frozen embeddings (LoRA) nothing
    would reach the layers' weights otherwise.
    """
    if not wanted or not hasattr(module, "activation_checkpointing_enable"):
        yield
        return
    module.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    embedding = module.get_input_embeddings()
    handle = embedding.register_forward_hook(_needing_gradient)
    try:
        yield
    finally:
        handle.remove()
        module.activation_checkpointing_disable()


def _needing_gradient(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
    wanted = torch.is_grad_enabled() and not output.requires_grad
    return output.requires_grad_() if wanted else output
