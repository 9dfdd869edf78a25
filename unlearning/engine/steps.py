"""One step: the gradient of a batch in pieces, what to do when memory runs out or it explodes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from contract.result import ErrorCode, JobError
from unlearning.engine.checkpoints import Progress
from unlearning.engine.phase import Loss, Phase, Piece
from unlearning.engine.processes import Processes, local
from unlearning.engine.weights import Weights
from unlearning.spec import Context

RECENT = 8
"""A gradient is compared with the median norm of as many steps before it."""
NO_MEMORY = "DefaultCPUAllocator"
"""Who complains when the processor's memory runs out: that error has no type of its own."""


class Stepper:
    """Computes the gradient of a step and applies it, or says why it does not."""

    def __init__(
        self,
        context: Context,
        phase: Phase,
        weights: Weights,
        optimizer: torch.optim.Optimizer,
        progress: Progress,
    ) -> None:
        self._context, self._phase, self._weights = context, phase, weights
        self._optimizer, self._progress = optimizer, progress
        self._processes = Processes.of(phase.module)
        # The shards are 32-bit masters already, and bf16 weights are made of them layer by layer.
        sharded = self._processes.count > 1 and phase.engine.precision == "bfloat16"
        self._autocast = sharded or phase.engine.precision == "autocast"
        self._seen: dict[str, float] = {}
        self.terms: dict[str, float] = {}

    def __call__(self) -> None:
        """Do the next step; raises ``DIVERGED`` or ``OUT_OF_MEMORY``."""
        phase, progress = self._phase, self._progress
        for group in self._optimizer.param_groups:
            group["lr"] = phase.schedule.rate(progress.step)
        loss = self._gradients()
        norm = self._clipped()
        if self._usable(loss, norm):
            self.terms = self._seen
            self._optimizer.step()
            self._weights.publish()
            progress.norms = [*progress.norms, norm][-RECENT:]
            progress.loss, progress.failing = loss, 0
        else:
            self._leave_out()
        self._weights.clear()
        progress.step += 1
        if phase.wrap is not None:
            phase.wrap.after(progress.step, self._weights)
        for part in (phase.state, phase.guard):
            if part is not None:
                part.after(progress.step)

    def _clipped(self) -> float:
        """Bound the gradient; returns the norm that it had."""
        optimised = [item for item in self._weights.optimised if item.grad is not None]
        self._processes.average(self._weights.gradients())
        norm = nn.utils.clip_grad_norm_(optimised, self._phase.schedule.clip)
        whole: Tensor = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
        return float(whole)

    def _gradients(self) -> float:
        """Leave the step's gradient in the weights; cut the batch smaller until it fits."""
        wrap = self._phase.wrap
        while True:
            try:
                if wrap is None:
                    return self.backward()
                return wrap.gradients(self._progress.step, self._weights, self.backward)
            except RuntimeError as error:
                if not _no_memory(error):
                    raise
            # Outside the handler: there the error still holds on to every activation.
            self._weights.clear()
            self._cut_smaller()

    def backward(
        self, only: str | None = None, *, through: Callable[[Tensor], Tensor] | None = None
    ) -> float:
        """Add the gradient of the whole step, or of one term of its loss; returns the value."""
        device, ranks = self._context.device, self._processes
        pieces, shared = self._pieces()
        total: dict[str, Tensor] = {}
        for index in range(pieces):
            piece = Piece(index, pieces, only)
            if shared:
                piece = Piece(ranks.rank * pieces + index, ranks.count * pieces, only)
            terms = ranks.within(partial(self._terms, piece))
            loss = sum(terms.values(), torch.zeros((), device=device))
            if loss.requires_grad:
                taken = loss if through is None else through(loss)
                # Between processes gradients are averaged, and those of pieces should be summed.
                (taken * ranks.count if shared else taken).backward()
            elif ranks.count > 1:
                raise _idle(self._phase)
            for name, value in terms.items():
                total[name] = total.get(name, 0) + value.detach()
        values = {name: float(value) for name, value in total.items()}
        if shared:
            values = ranks.summed(values)
        self._seen = values if len(values) > 1 else {}
        return sum(values.values())

    def _pieces(self) -> tuple[int, bool]:
        """Return into how many pieces this process cuts its batch, and whether it shares it.

        A batch with fewer rows than there are processes (the last of an epoch) is computed by
        each of them.
        """
        rows, ranks = self._phase.rows(self._progress.step), self._processes.count
        shared = ranks > 1 and rows >= ranks
        return max(1, min(self._progress.pieces, rows // ranks if shared else rows)), shared

    def _terms(self, piece: Piece) -> Mapping[str, Tensor]:
        phase = self._phase
        with torch.autocast(
            self._context.device.type,
            torch.bfloat16,
            enabled=self._autocast,
        ):
            found: Loss = (
                phase.loss(self._progress.step)
                if phase.pieces == 1
                else phase.loss(self._progress.step, piece)
            )
        return {"loss": found} if isinstance(found, Tensor) else found

    def _cut_smaller(self) -> None:
        progress, phase = self._progress, self._phase
        rows, (pieces, _) = phase.rows(progress.step), self._pieces()
        if self._processes.count > 1 or pieces >= rows:
            message = (
                f"memory ran out in phase {phase.name!r} and its batch cannot be cut any smaller; "
                "use shorter records, the precision bfloat16, checkpointing, or a LoRA selector"
            )
            raise JobError(ErrorCode.OUT_OF_MEMORY, message)
        progress.pieces = min(2 * pieces, rows)
        if self._context.device.type == "cuda":
            torch.cuda.empty_cache()
        self._context.events.emit(
            phase.name,
            "memory ran out: each batch is now computed in smaller pieces",
            done=progress.step,
            total=phase.schedule.steps,
            metrics={"pieces": progress.pieces},
        )

    def _usable(self, loss: float, norm: float) -> bool:
        if not (math.isfinite(loss) and math.isfinite(norm)):
            return False
        recent = self._progress.norms
        usual = statistics.median(recent) if len(recent) == RECENT else 0.0
        return usual == 0.0 or norm <= self._phase.engine.spike * usual

    def _leave_out(self) -> None:
        """Count a step that was not applied; end the run when it is not the first in a row."""
        progress, phase = self._progress, self._phase
        progress.skipped += 1
        progress.failing += 1
        if progress.failing > phase.engine.spikes or self._broken():
            raise diverged(phase, progress.step)

    def _broken(self) -> bool:
        (broken,) = self._processes.agreed(
            not finite(self._weights.optimised), device=self._context.device
        )
        return broken


def diverged(phase: Phase, step: int) -> JobError:
    """Return the error of a phase that cannot be saved."""
    message = (
        f"training diverged in phase {phase.name!r} at step {step}: the loss or a weight is "
        "no longer a finite number; try a smaller learning rate"
    )
    return JobError(ErrorCode.DIVERGED, message)


def _idle(phase: Phase) -> JobError:
    message = (
        f"a process has nothing to compute in phase {phase.name!r}; use larger batches or fewer "
        "processes"
    )
    return JobError(ErrorCode.BAD_JOB, message)


def finite(tensors: list[Tensor]) -> bool:
    """Say whether every number of the tensors is finite."""
    return all(bool(torch.isfinite(local(item)).all()) for item in tensors)


def _no_memory(error: BaseException) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or NO_MEMORY in str(error)
