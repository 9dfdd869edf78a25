"""What the loop trains: a phase, its schedule, the pieces of a step, and who looks on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from torch import Tensor, nn

from unlearning.engine.settings import EngineSettings
from unlearning.engine.weights import Weights

FINAL_RATE = 0.05
"""The share of the peak learning rate at which the cosine ends."""

Item = TypeVar("Item")
Loss = Tensor | Mapping[str, Tensor]
"""The loss of a step, or its named terms, whose sum it is."""


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


@dataclass(frozen=True)
class Piece:
    """Part ``index`` of ``count`` of a step's batch; ``only`` asks for one term of the loss.

    The losses of the pieces of a step add up to the loss of the step: whatever is a mean divides
    by the number of rows or tokens of the whole batch.
    """

    index: int = 0
    count: int = 1
    only: str | None = None

    def of(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return this piece of the items, in order; it may be empty."""
        first = len(items) * self.index // self.count
        return items[first : len(items) * (self.index + 1) // self.count]


WHOLE = Piece()


class Stateful(Protocol):
    """Something that changes from step to step and must survive a restart."""

    def after(self, step: int) -> None:
        """Called when ``step`` steps are done."""

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs, as tensors, numbers and strings."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state` returned."""


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


class Backward(Protocol):
    """Adds the gradient of a step, at the weights of this moment."""

    def __call__(
        self, only: str | None = None, *, through: Callable[[Tensor], Tensor] | None = None
    ) -> float:
        """Add the gradient of the loss, or of one named term of it; returns its value.

        ``through`` makes of each piece's loss, with its graph, the number whose gradient is added
        instead. May raise: whoever moved the weights puts them back in a ``finally``.
        """


class StepWrapper(Protocol):
    """Decides at which weights the gradients of a step are taken (SAM and its kin)."""

    @property
    def second_order(self) -> bool:
        """Say whether it differentiates a gradient.

        Recomputed activations and weights spread over processes do not allow that.
        """

    def gradients(self, step: int, weights: Weights, backward: Backward) -> float:
        """Leave the gradient of the step in ``weights``, which holds none; returns the loss."""

    def after(self, step: int, weights: Weights) -> None:
        """Called after the optimiser's step, when ``step`` steps are done."""

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs, as tensors, numbers and strings."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state` returned."""

    def view(self, weights: Weights) -> AbstractContextManager[None]:
        """Show the weights as they would be if the phase ended now."""

    def finish(self, weights: Weights) -> None:
        """Called once when the phase ends; may change the weights (running averages)."""


@dataclass(frozen=True)
class Phase:
    """What is trained in one stretch: a name, the module, its schedule and the loss of a step.

    ``loss(step)`` is the loss of a whole step. With ``pieces``, the number of rows of a batch or a
    function of the step that returns it, it is ``loss(step, piece)``, and a step can be cut
    into as many pieces: for accumulation, when memory runs out, and across processes. ``state`` is
    what changes with the steps; ``guard`` looks at the model and may end the run with an error.
    """

    name: str
    module: nn.Module
    schedule: Schedule
    loss: Callable[..., Loss]
    watch: Watch | None = None
    pieces: int | Callable[[int], int] = 1
    wrap: StepWrapper | None = None
    state: Stateful | None = None
    guard: Stateful | None = None
    engine: EngineSettings = field(default_factory=EngineSettings)

    def rows(self, step: int) -> int:
        """Return into how many pieces a step can be cut."""
        return self.pieces(step) if callable(self.pieces) else self.pieces


@dataclass(frozen=True)
class Fit:
    """How a phase went: ``skipped`` steps were left out, a batch was cut in ``pieces``."""

    steps: int
    loss: float
    seconds: float
    skipped: int = 0
    pieces: int = 1

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what the reader of a result should know."""
        found = []
        if self.skipped:
            found.append(f"{self.skipped} steps were left out because their gradient exploded.")
        if self.pieces > 1:
            found.append(f"Batches were computed in {self.pieces} pieces to fit into memory.")
        return tuple(found)
