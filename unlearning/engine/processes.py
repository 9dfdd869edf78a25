"""One process or several: who I am, and a forward pass that finds the shards it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakKeyDictionary

from torch import nn

Found = TypeVar("Found")


@dataclass(frozen=True)
class Processes:
    """The processes that train one model together; ``rank`` of ``count``."""

    rank: int = 0
    count: int = 1

    @classmethod
    def of(cls, module: nn.Module) -> Processes:
        """Return the processes over which the module is spread."""
        return _SPREAD.get(module, ALONE)

    def within(self, function: Callable[[], Found]) -> Found:
        """Call the function inside the forward pass of the module."""
        return function()

    def summed(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the values summed over the processes."""
        return dict(values)


ALONE = Processes()
_SPREAD: WeakKeyDictionary[nn.Module, Processes] = WeakKeyDictionary()
