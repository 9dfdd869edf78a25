"""Training part of a tensor: the part is a parameter of its own, the rest stays frozen.

``w = frozen, with values written in at fixed places``, as a torch parametrisation. Optimiser
state, gradient exchange, perturbation and checkpoints then see a small ordinary parameter, and
what is not selected cannot change by a bit, whatever the optimiser does.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class Part(nn.Module):
    """The places of a tensor that train: flat ones, or slices along ``dim``."""

    index: Tensor

    def __init__(self, original: Tensor, index: Tensor, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim
        self.register_buffer("index", index.to(original.device), persistent=False)
        source = original.detach()
        taken = (
            source.reshape(-1)[self.index] if dim is None else source.index_select(dim, self.index)
        )
        self.values = nn.Parameter(taken.clone())

    def forward(self, original: Tensor) -> Tensor:
        """Return the tensor with the values written in."""
        values = self.values.to(original.dtype)
        if self.dim is None:
            return original.reshape(-1).index_copy(0, self.index, values).view_as(original)
        return original.index_copy(self.dim, self.index, values)


def owners(model: nn.Module, parameter: nn.Parameter) -> list[tuple[nn.Module, str]]:
    """Return every module that holds the parameter, and under which name (tied weights: two)."""
    return [
        (module, name)
        for module in model.modules()
        for name, held in module.named_parameters(recurse=False)
        if held is parameter
    ]


def attach(model: nn.Module, parts: Mapping[str, Part]) -> None:
    """Let the parts, by parameter name, train in place of the tensors they are parts of."""
    named = dict(model.named_parameters())
    for name, part in parts.items():
        for module, own in owners(model, named[name]):
            parametrize.register_parametrization(module, own, part, unsafe=True)


@torch.no_grad()
def write_back(model: nn.Module) -> None:
    """Write trained parts into their tensors and take the parametrisations off."""
    for module in list(model.modules()):
        if not parametrize.is_parametrized(module):
            continue
        for name in list(module.parametrizations):  # type: ignore[arg-type]
            final = getattr(module, name).detach().clone()
            parametrize.remove_parametrizations(module, name, leave_parametrized=False)
            getattr(module, name).copy_(final)
