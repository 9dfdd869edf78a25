"""How the term that forgets and the term that keeps are weighed against each other.

Either by two fixed numbers, or by a constraint: the retained records' loss may not exceed a limit,
and a dual variable, which takes the place of the fixed weight, rises while it does and falls while
there is room (PDU, arXiv 2506.05314). The constraint is a setting of every gradient method.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.record import FROZEN


@dataclass(frozen=True, config=FROZEN)
class ConstraintSettings:
    """``NLL(retain) <= epsilon`` by a dual variable.

    ``epsilon``: the most nats a token that retained records may cost, usually a little more than
    they cost before. ``start``: the dual variable at first; ``rate``: how much it moves a step for
    each nat above or below ``epsilon``; ``warmup``: steps before it moves.
    """

    epsilon: float = Field(default=0.3, gt=0)
    start: float = Field(default=1.0, ge=0)
    rate: float = Field(default=0.5, gt=0)
    warmup: int = Field(default=0, ge=0)


class FixedBalance:
    """A fixed weight of the retain term."""

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def see(self, piece: tuple[int, int], retain: Tensor) -> None:
        """Take note of the retain term of a piece of a step."""

    def after(self, step: int) -> None:
        """Called when ``step`` steps are done."""

    def state(self) -> dict[str, Any]:
        """Return nothing: a fixed weight has no history."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back nothing."""


class DualBalance(FixedBalance):
    """A weight that is the dual variable of the constraint."""

    def __init__(self, settings: ConstraintSettings) -> None:
        super().__init__(settings.start)
        self._settings = settings
        self._seen: dict[tuple[int, int], Tensor] = {}

    def see(self, piece: tuple[int, int], retain: Tensor) -> None:
        """Note the term of piece ``(index, count)``; what is seen last of a piece counts."""
        self._seen[piece] = retain.detach()

    def after(self, step: int) -> None:
        """Move the dual variable by how far the step's retain loss is from the limit."""
        count = max((count for _, count in self._seen), default=0)
        parts = [value for (_, of), value in self._seen.items() if of == count]
        self._seen = {}
        if parts and step > self._settings.warmup:
            loss = _everywhere(torch.stack(parts).sum())
            change = self._settings.rate * (loss - self._settings.epsilon)
            self.weight = max(0.0, self.weight + change)

    def state(self) -> dict[str, Any]:
        """Return the dual variable."""
        return {"weight": self.weight}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the dual variable back from a checkpoint."""
        self.weight = state["weight"]


def balance_of(weight: float, constraint: ConstraintSettings | None) -> FixedBalance:
    """Return the balance that the settings ask for."""
    return FixedBalance(weight) if constraint is None else DualBalance(constraint)


def _everywhere(value: Tensor) -> float:
    """Return the sum over the processes, each of which saw its own pieces of the step."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(value)
    return float(value)
