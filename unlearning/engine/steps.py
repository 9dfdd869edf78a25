"""One step: the gradient of a batch in pieces, what to do when memory runs out or it explodes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from contract.result import ErrorCode, JobError
from unlearning.engine.checkpoints import Progress
from unlearning.engine.phase import Loss, Phase, Piece
from unlearning.engine.processes import Processes
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
        self._seen: dict[str, float] = {}
        self.terms: dict[str, float] = {}

    def __call__(self) -> None:
        """Do the next step; raises ``DIVERGED`` or ``OUT_OF_MEMORY``."""
        phase, progress = self._phase, self._progress
        for group in self._optimizer.param_groups:
            group["lr"] = phase.schedule.rate(progress.step)
        loss = self._gradients()
        optimised = [item for item in self._weights.optimised if item.grad is not None]
        norm = float(nn.utils.clip_grad_norm_(optimised, phase.schedule.clip))
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
        if phase.state is not None:
            phase.state.after(progress.step)

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
        progress, ranks = self._progress, self._processes
        total: dict[str, Tensor] = {}
        for index in range(progress.pieces):
            piece = Piece(ranks.rank * progress.pieces + index, ranks.count * progress.pieces, only)
            # Between processes gradients are averaged, and the pieces should be summed.
            terms = ranks.within(lambda piece=piece: self._terms(piece))  # type: ignore[misc]
            loss = sum(terms.values(), torch.zeros((), device=self._context.device))
            if loss.requires_grad:
                taken = loss if through is None else through(loss)
                (taken * ranks.count).backward()
            for name, value in terms.items():
                total[name] = total.get(name, 0) + value.detach()
        values = ranks.summed({name: float(value) for name, value in total.items()})
        self._seen = values if len(values) > 1 else {}
        return sum(values.values())

    def _terms(self, piece: Piece) -> Mapping[str, Tensor]:
        phase = self._phase
        with torch.autocast(
            self._context.device.type,
            torch.bfloat16,
            enabled=phase.engine.precision == "autocast",
        ):
            found: Loss = (
                phase.loss(self._progress.step, piece)
                if phase.pieces > 1
                else phase.loss(self._progress.step)
            )
        return {"loss": found} if isinstance(found, Tensor) else found

    def _cut_smaller(self) -> None:
        progress, phase = self._progress, self._phase
        if self._processes.count > 1 or progress.pieces * 2 > phase.pieces:
            message = (
                f"memory ran out in phase {phase.name!r} and its batch cannot be cut any smaller; "
                "use shorter records, the precision bfloat16, checkpointing, or a LoRA selector"
            )
            raise JobError(ErrorCode.OUT_OF_MEMORY, message)
        progress.pieces *= 2
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
        if progress.failing > phase.engine.spikes or not finite(self._weights.optimised):
            raise diverged(phase, progress.step)


def diverged(phase: Phase, step: int) -> JobError:
    """Return the error of a phase that cannot be saved."""
    message = (
        f"training diverged in phase {phase.name!r} at step {step}: the loss or a weight is "
        "no longer a finite number; try a smaller learning rate"
    )
    return JobError(ErrorCode.DIVERGED, message)


def first_pieces(phase: Phase, processes: int) -> int:
    """Return into how many pieces a process cuts its part of a batch; raises ``BAD_JOB``."""
    if processes > phase.pieces:
        message = (
            f"the batches of phase {phase.name!r} can be cut into {phase.pieces} pieces, and "
            f"{processes} processes work on them; use larger batches or fewer processes"
        )
        raise JobError(ErrorCode.BAD_JOB, message)
    return min(phase.engine.pieces, max(1, phase.pieces // processes))


def finite(tensors: list[Tensor]) -> bool:
    """Say whether every number of the tensors is finite."""
    return all(bool(torch.isfinite(item).all()) for item in tensors)


def _no_memory(error: BaseException) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or NO_MEMORY in str(error)
