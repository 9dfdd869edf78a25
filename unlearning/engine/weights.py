"""The weights that are trained, their gradients, and 32-bit masters of those held in bf16.

With masters, every backward pass adds its gradient to the master's in 32 bits and frees its own,
so accumulating many pieces loses nothing either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from unlearning.engine.settings import Precision

ADAPTER = ".lora_"


class Weights:
    """The trainable parameters of a module as an optimiser and a step wrapper see them.

    ``parameters`` are those of the module. ``optimised`` are the tensors that the optimiser
    steps on and that carry the gradients: the same, or their 32-bit masters.
    """

    def __init__(self, module: nn.Module) -> None:
        named = [(name, item) for name, item in module.named_parameters() if item.requires_grad]
        self.names = [name for name, _ in named]
        self.parameters = [item for _, item in named]
        self.optimised: list[Tensor] = list(self.parameters)
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []

    def gradients(self) -> list[Tensor | None]:
        """Return the gradients, in the order of ``parameters``."""
        return [item.grad for item in self.optimised]

    def put(self, gradients: Sequence[Tensor | None]) -> None:
        """Replace the gradients."""
        for item, gradient in zip(self.optimised, gradients, strict=True):
            item.grad = gradient

    def clear(self) -> None:
        """Drop the gradients."""
        for item in (*self.optimised, *self.parameters):
            item.grad = None

    @torch.no_grad()
    def publish(self) -> None:
        """Copy what the optimiser stepped on into the module."""
        for item, master in zip(self.parameters, self.optimised, strict=True):
            if master is not item:
                item.copy_(master)

    @torch.no_grad()
    def reload(self) -> None:
        """Copy the module's weights into the masters, except where they are their rounding."""
        for item, master in zip(self.parameters, self.optimised, strict=True):
            if master is not item and not torch.equal(item, master.to(item.dtype)):
                master.copy_(item)

    @contextmanager
    def held_in(self, precision: Precision, module: nn.Module) -> Iterator[None]:
        """Hold the module in bf16 meanwhile, when that is asked for; it comes back unrounded."""
        if precision != "bfloat16":
            yield
            return
        before = {
            name: item.dtype
            for name, item in module.named_parameters()
            if item.dtype == torch.float32 and ADAPTER not in name
        }
        own = dict(module.named_parameters())
        self._make_masters(set(before))
        for name in before:
            own[name].data = own[name].data.to(torch.bfloat16)
        try:
            yield
        finally:
            self._end_masters()
            for name, dtype in before.items():
                if own[name].dtype != dtype:
                    own[name].data = own[name].data.to(dtype)

    def _make_masters(self, chosen: set[str]) -> None:
        for place, (name, item) in enumerate(zip(self.names, self.parameters, strict=True)):
            if name in chosen:
                master = item.detach().clone().requires_grad_()
                self.optimised[place] = master
                self._hooks.append(item.register_post_accumulate_grad_hook(_into(master)))

    @torch.no_grad()
    def _end_masters(self) -> None:
        self.reload()
        for hook in self._hooks:
            hook.remove()
        for place, (item, master) in enumerate(zip(self.parameters, self.optimised, strict=True)):
            if master is not item:
                item.grad = None
                item.data = master.data
                self.optimised[place] = item


def _into(master: Tensor) -> Callable[[Tensor], None]:
    def move(item: Tensor) -> None:
        gradient = item.grad
        if gradient is None:
            return
        if master.grad is None:
            master.grad = gradient.to(master.dtype)
        else:
            master.grad.add_(gradient)
        item.grad = None

    return move
