"""The training loop that every method shares.

AdamW, linear warm-up and cosine decay, gradient clipping, a divergence check at every step,
progress events, cancellation, and checkpoints from which a killed run resumes to the same end:
the batch of a step is a pure function of its number, and nothing here draws random numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from functools import partial

import torch
from torch import Tensor

from contract.result import ErrorCode, JobError
from unlearning.engine import checkpoints
from unlearning.engine.checkpoints import Progress
from unlearning.engine.phase import Fit, Phase, Schedule
from unlearning.engine.processes import Processes
from unlearning.engine.quiet import recomputing, without_dropout
from unlearning.engine.steps import Stepper, diverged, finite
from unlearning.engine.weights import Weights
from unlearning.spec import Context

EVENT_SECONDS = 0.5
BETAS = (0.9, 0.98)
FUSED = frozenset({"cpu", "cuda"})
"""The devices on which AdamW is one kernel."""


def fit(context: Context, phase: Phase) -> Fit:
    """Run a phase to its end, from its checkpoint if there is one.

    Raises :class:`JobError` with ``DIVERGED``, ``OUT_OF_MEMORY`` or ``CANCELLED``.
    """
    module = phase.module
    processes = Processes.of(module)
    progress = Progress(pieces=phase.engine.pieces)
    weights = Weights(module)
    with ExitStack() as held:
        held.callback(module.eval)
        if processes.count == 1:
            held.enter_context(weights.held_in(phase.engine.precision, module))
        optimizer = adamw(weights.optimised, phase.schedule)
        if checkpoints.resume(context, phase, progress, weights, optimizer):
            _emit(context, phase, progress, "resumed from a checkpoint")
        if not progress.finished:
            held.enter_context(without_dropout(module))
            held.enter_context(recomputing(module, wanted=_recomputes(phase, processes)))
            module.train()
            _run(context, phase, progress, weights, optimizer)
            _finish(context, phase, progress, weights)
    return Fit(progress.step, progress.loss, progress.seconds, progress.skipped, progress.pieces)


def adamw(tensors: Sequence[Tensor], schedule: Schedule) -> torch.optim.Optimizer:
    """Return the optimiser of a phase; where the device has it, a step is one pass over each."""
    return torch.optim.AdamW(
        tensors,
        lr=schedule.learning_rate,
        betas=BETAS,
        weight_decay=schedule.weight_decay,
        fused=all(item.device.type in FUSED for item in tensors) or None,
    )


def _run(
    context: Context,
    phase: Phase,
    progress: Progress,
    weights: Weights,
    optimizer: torch.optim.Optimizer,
) -> None:
    saved = reported = time.monotonic()
    total = phase.schedule.steps
    began = saved - progress.seconds
    step = Stepper(context, phase, weights, optimizer, progress)
    agreed = partial(Processes.of(phase.module).agreed, device=context.device)
    while progress.step < total:
        _check_cancelled(context, agreed)
        step()
        now = time.monotonic()
        progress.seconds = now - began
        due = now - saved >= context.checkpoint_seconds
        stopping, due = agreed(_watched(phase, progress, weights), due)
        if now - reported >= EVENT_SECONDS or stopping or progress.step == total:
            reported = now
            _emit(context, phase, progress, metrics=step.terms)
        if stopping:
            return
        if due:
            checkpoints.save(context, phase, progress, weights, optimizer)
            saved = time.monotonic()


def _check_cancelled(context: Context, agreed: Callable[..., tuple[bool, ...]]) -> None:
    """Stop every process when one was asked to."""
    (asked,) = agreed(context.stop.is_set())
    if asked:
        context.stop.set()
    context.check_cancelled()


def _watched(phase: Phase, progress: Progress, weights: Weights) -> bool:
    """Ask whether to stop, of the weights that the phase would end with."""
    if phase.watch is None:
        return False
    with nullcontext() if phase.wrap is None else phase.wrap.view(weights):
        return phase.watch(progress.step)


def _finish(context: Context, phase: Phase, progress: Progress, weights: Weights) -> None:
    """Let the onlookers have the last word on the weights, and keep the end of the phase."""
    phase.module.eval()
    if phase.wrap is not None:
        phase.wrap.finish(weights)
    if phase.watch is not None:
        phase.watch.finish()
    weights.reload()
    if not finite(weights.optimised):
        raise diverged(phase, progress.step)
    progress.finished = True
    checkpoints.save(context, phase, progress, weights, None)


def _recomputes(phase: Phase, processes: Processes) -> bool:
    """Say whether to recompute activations; raises ``NOT_SUPPORTED`` for an odd combination."""
    second = phase.wrap is not None and phase.wrap.second_order
    if second and processes.count > 1:
        message = (
            "the step wrapper differentiates gradients, which does not work on weights that are "
            "spread over processes; run it in one process or choose another wrapper"
        )
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    return phase.engine.checkpointing and not second


def _emit(
    context: Context,
    phase: Phase,
    progress: Progress,
    message: str = "",
    metrics: dict[str, float] | None = None,
) -> None:
    context.events.emit(
        phase.name,
        message,
        done=progress.step,
        total=phase.schedule.steps,
        metrics={"loss": progress.loss, **(metrics or {})},
    )
