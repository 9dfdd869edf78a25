"""The training loop that every method shares.

AdamW, linear warm-up and cosine decay, gradient clipping, a divergence check at every step,
progress events, cancellation, and checkpoints from which a killed run resumes to the same end:
the batch of a step is a pure function of its number, and nothing here draws random numbers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from contract.result import ErrorCode, JobError
from unlearning.losses import finite
from unlearning.spec import Context

EVENT_SECONDS = 0.5
FINAL_RATE = 0.05
"""The share of the peak learning rate at which the cosine ends."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train; ``warmup`` counts steps, ``clip`` bounds the gradient."""

    steps: int
    learning_rate: float
    warmup: int = 0
    weight_decay: float = 0.0
    clip: float = 1.0

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from zero."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, self.steps - self.warmup)
        share = FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        return self.learning_rate * share


class Watch(Protocol):
    """Looks at the model between steps and may end the phase early."""

    def __call__(self, step: int) -> bool:
        """Say whether to stop after ``step`` steps."""

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs, as tensors, numbers and strings."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state` returned."""

    def finish(self) -> None:
        """Called once when the phase ends; may put the model back to its best moment."""


@dataclass(frozen=True)
class Phase:
    """What is trained in one stretch: a name, the module, its schedule and the loss of a step."""

    name: str
    module: nn.Module
    schedule: Schedule
    loss: Callable[[int], Tensor]
    watch: Watch | None = None


@dataclass(frozen=True)
class Fit:
    """How a phase went."""

    steps: int
    loss: float
    seconds: float


@dataclass
class _Progress:
    """Where a phase stands; what a checkpoint keeps besides tensors."""

    step: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    finished: bool = False
    optimizer: torch.optim.AdamW | None = field(default=None, repr=False)


def fit(context: Context, phase: Phase) -> Fit:
    """Run a phase to its end, from its checkpoint if there is one.

    Raises :class:`JobError` with ``DIVERGED`` or ``CANCELLED``.
    """
    parameters = [item for item in phase.module.parameters() if item.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters,
        lr=phase.schedule.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=phase.schedule.weight_decay,
    )
    progress = _Progress(optimizer=optimizer)
    _resume(context, phase, progress)
    if not progress.finished:
        phase.module.train()
        _run(context, phase, progress, parameters)
        phase.module.eval()
        if phase.watch is not None:
            phase.watch.finish()
        _require_finite(phase, finite_loss=finite(phase.module), step=progress.step)
        progress.finished = True
        _save(context, phase, progress)
    phase.module.eval()
    return Fit(progress.step, progress.loss, progress.seconds)


def _run(
    context: Context, phase: Phase, progress: _Progress, parameters: list[nn.Parameter]
) -> None:
    saved = reported = time.monotonic()
    total = phase.schedule.steps
    began = saved - progress.seconds
    while progress.step < total:
        context.check_cancelled()
        progress.loss = _step(phase, progress, parameters)
        progress.step += 1
        now = time.monotonic()
        progress.seconds = now - began
        stopping = phase.watch is not None and phase.watch(progress.step)
        if now - reported >= EVENT_SECONDS or stopping or progress.step == total:
            reported = now
            context.events.emit(
                phase.name, done=progress.step, total=total, metrics={"loss": progress.loss}
            )
        if stopping:
            return
        if now - saved >= context.checkpoint_seconds:
            _save(context, phase, progress)
            saved = time.monotonic()


def _step(phase: Phase, progress: _Progress, parameters: list[nn.Parameter]) -> float:
    optimizer = progress.optimizer
    if optimizer is None:
        message = "a phase cannot step without its optimiser"
        raise RuntimeError(message)
    for group in optimizer.param_groups:
        group["lr"] = phase.schedule.rate(progress.step)
    loss = phase.loss(progress.step)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(parameters, phase.schedule.clip)
    value = float(loss.detach())
    usable = math.isfinite(value) and bool(torch.isfinite(norm))
    _require_finite(phase, finite_loss=usable, step=progress.step)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return value


def _require_finite(phase: Phase, *, finite_loss: bool, step: int) -> None:
    if not finite_loss:
        message = (
            f"training diverged in phase {phase.name!r} at step {step}: the loss or a weight is "
            "no longer a finite number; try a smaller learning rate"
        )
        raise JobError(ErrorCode.DIVERGED, message)


def _checkpoint(context: Context, phase: Phase) -> Path:
    return context.work / f"{phase.name}.checkpoint"


def _save(context: Context, phase: Phase, progress: _Progress) -> None:
    """Write the checkpoint beside the old one, then put it in its place: never half of one."""
    path = _checkpoint(context, phase)
    temporary = path.with_suffix(".tmp")
    keep_optimizer = progress.optimizer is not None and not progress.finished
    state = {
        "job": context.fingerprint,
        "step": progress.step,
        "loss": progress.loss,
        "seconds": progress.seconds,
        "finished": progress.finished,
        "module": phase.module.state_dict(),
        "optimizer": progress.optimizer.state_dict() if keep_optimizer else None,  # type: ignore[union-attr]
        "watch": phase.watch.state() if phase.watch is not None else None,
    }
    with temporary.open("wb") as handle:
        torch.save(state, handle)
    temporary.replace(path)


def _resume(context: Context, phase: Phase, progress: _Progress) -> None:
    path = _checkpoint(context, phase)
    if not path.is_file():
        return
    state = torch.load(path, map_location=context.device, weights_only=True)
    if state["job"] != context.fingerprint:
        return
    phase.module.load_state_dict(state["module"])
    progress.step, progress.loss = state["step"], state["loss"]
    progress.seconds, progress.finished = state["seconds"], state["finished"]
    if state["optimizer"] is not None and progress.optimizer is not None:
        progress.optimizer.load_state_dict(state["optimizer"])
    if phase.watch is not None:
        phase.watch.restore(state["watch"])
    context.events.emit(
        phase.name, "resumed from a checkpoint", done=progress.step, total=phase.schedule.steps
    )
