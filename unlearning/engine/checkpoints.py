"""Checkpoints of a phase: what a killed run needs to end where an unbroken one would.

Only trained weights are kept, so a LoRA run writes a small file. Each process of several writes
its own shards, all at the same step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from unlearning.engine.phase import Phase
from unlearning.engine.processes import Processes, local
from unlearning.engine.weights import Weights
from unlearning.spec import Context

PARTS = ("watch", "wrap", "state", "guard")
"""What of a phase has a state of its own."""


@dataclass
class Progress:
    """Where a phase stands; what a checkpoint keeps besides tensors.

    ``norms`` are the gradient norms of the last steps, ``failing`` counts the steps left out
    since the last good one.
    """

    step: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    finished: bool = False
    pieces: int = 1
    skipped: int = 0
    failing: int = 0
    norms: list[float] = field(default_factory=list)


def save(
    context: Context,
    phase: Phase,
    progress: Progress,
    weights: Weights,
    optimizer: torch.optim.Optimizer | None,
) -> None:
    """Write the checkpoint beside the old one, then put it in its place: never half of one."""
    path = _path(context, phase)
    temporary = path.with_suffix(".tmp")
    parts = {name: getattr(phase, name) for name in PARTS}
    state = {
        "job": [context.fingerprint, Processes.of(phase.module).count],
        "progress": vars(progress),
        "weights": [local(item.detach()) for item in weights.optimised],
        "optimizer": optimizer.state_dict() if optimizer is not None else None,
        **{name: part.state() for name, part in parts.items() if part is not None},
    }
    with temporary.open("wb") as handle:
        torch.save(state, handle)
    temporary.replace(path)


def resume(
    context: Context,
    phase: Phase,
    progress: Progress,
    weights: Weights,
    optimizer: torch.optim.Optimizer,
) -> bool:
    """Take a phase up from its checkpoint; says whether there was one of this very job."""
    path = _path(context, phase)
    if not path.is_file():
        return False
    state: dict[str, Any] = torch.load(path, map_location=context.device, weights_only=True)
    if state["job"] != [context.fingerprint, Processes.of(phase.module).count]:
        return False
    with torch.no_grad():
        for item, kept in zip(weights.optimised, state["weights"], strict=True):
            local(item).copy_(kept)
    weights.publish()
    for name, value in state["progress"].items():
        setattr(progress, name, value)
    if state["optimizer"] is not None:
        optimizer.load_state_dict(state["optimizer"])
    for name in PARTS:
        part = getattr(phase, name)
        if part is not None and name in state:
            part.restore(state[name])
    return True


def _path(context: Context, phase: Phase) -> Path:
    return context.work / f"{phase.name}.checkpoint"
