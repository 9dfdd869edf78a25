"""One process, or several that hold one model together (``accelerate launch``, ``torchrun``).

Every process runs the same job on the same records. The model is sharded over them (fully sharded
data parallel: each holds its part of every weight, gradient and optimiser state, and a layer is
gathered only while it computes), each computes its pieces of a batch, and the gradients are added.
Adapters put on afterwards are small: every process holds them whole, and their gradients are
averaged. Only the first process writes.

A sharded weight is whole only inside the forward pass of the root module, so whoever computes
with the model, to train it or to measure it, does so :func:`within` it. ``accelerate`` starts
the processes and says which device is whose; the sharding is torch's own, because accelerate
leaves it out where there is no GPU.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

Found = TypeVar("Found")
HELD_BY = "expunge_processes"
"""The attribute of a sharded model that says who holds it."""


class _Root(nn.Module):
    """A model as the root of its shards: its forward pass is whatever it is given to do."""

    def __init__(self, held: nn.Module) -> None:
        super().__init__()
        self.held = held
        self.busy = False

    def forward(self, function: Callable[[], Found]) -> Found:
        self.busy = True
        try:
            return function()
        finally:
            self.busy = False


@dataclass(frozen=True)
class Processes:
    """The processes that train one model together; ``rank`` of ``count``."""

    rank: int = 0
    count: int = 1
    root: _Root | None = None

    @classmethod
    def of(cls, module: nn.Module) -> Processes:
        """Return the processes over which the module is sharded."""
        held: Processes = getattr(module, HELD_BY, ALONE)
        return held

    def within(self, function: Callable[[], Found]) -> Found:
        """Call the function inside the forward pass of the root."""
        if self.root is None or self.root.busy:
            return function()
        if torch.is_inference_mode_enabled():
            # Weights gathered in inference mode could not be trained with afterwards.
            with torch.inference_mode(mode=False), torch.no_grad():
                return self.root(function)  # type: ignore[no-any-return]
        return self.root(function)  # type: ignore[no-any-return]

    def summed(self, values: dict[str, float]) -> dict[str, float]:
        """Return the values summed over the processes, each of which may have some only."""
        if self.count == 1:
            return values
        gathered: list[Any] = [None] * self.count
        distributed.all_gather_object(gathered, values)
        total: dict[str, float] = {}
        for item in gathered:
            for name, value in item.items():
                total[name] = total.get(name, 0.0) + value
        return total

    def agreed(self, *wishes: bool, device: torch.device) -> tuple[bool, ...]:
        """Return for each wish whether any process has it."""
        if self.count == 1:
            return wishes
        asked = torch.tensor(wishes, dtype=torch.int32, device=device)
        distributed.all_reduce(asked, distributed.ReduceOp.MAX)
        return tuple(bool(item) for item in asked.tolist())

    def average(self, gradients: Iterable[Tensor | None]) -> None:
        """Average the gradients of what is not sharded (adapters) over the processes, in place."""
        if self.count == 1:
            return
        for gradient in gradients:
            if gradient is not None and local(gradient) is gradient:
                distributed.all_reduce(gradient)
                gradient.div_(self.count)


ALONE = Processes()


def within(model: nn.Module, function: Callable[[], Found]) -> Found:
    """Call a function that computes with the model, where the model's weights are whole."""
    return Processes.of(model).within(function)


def rank() -> int:
    """Return the number of this process among those that were started together."""
    return int(os.environ.get("RANK", "0"))


def several() -> bool:
    """Say whether several processes were started together."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def _started(device: torch.device) -> Any:
    """Return what accelerate knows of the processes; the first call brings them together."""
    from accelerate import PartialState  # noqa: PLC0415 - a second to import, for several only

    return PartialState(cpu=device.type == "cpu")


def told(value: Any, device: torch.device) -> Any:
    """Return what the first process gives here, in every process, once all have come this far."""
    if not several():
        return value
    _started(device)
    held = [value]
    distributed.broadcast_object_list(held)
    return held[0]


def shard(model: nn.Module, blocks: Sequence[nn.Module], device: torch.device) -> None:
    """Shard a freshly loaded model over the processes, one block at a time, in place."""
    from torch.distributed.device_mesh import init_device_mesh  # noqa: PLC0415
    from torch.distributed.fsdp import fully_shard  # noqa: PLC0415

    state = _started(device)
    mesh = init_device_mesh(device.type, (state.num_processes,))
    root = _Root(model)
    for block in blocks:
        fully_shard(block, mesh=mesh)
    # Otherwise the root's own weights (embedding, head) stay whole after a measurement, and an
    # optimiser made then would be given those instead of the shards.
    fully_shard(root, mesh=mesh, reshard_after_forward=True)
    setattr(model, HELD_BY, Processes(state.process_index, state.num_processes, root))


def full_state(model: nn.Module) -> dict[str, Tensor]:
    """Return the whole weights of a sharded model on the first process, nothing on the others."""
    from torch.distributed.checkpoint.state_dict import (  # noqa: PLC0415
        StateDictOptions,
        get_model_state_dict,
    )

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    found: dict[str, Any] = get_model_state_dict(model, options=options)
    return found


def wait() -> None:
    """Wait until every process has come this far."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()


def local(item: Tensor) -> Tensor:
    """Return the part of a tensor that this process holds."""
    part: Tensor = item.to_local() if hasattr(item, "to_local") else item
    return part
