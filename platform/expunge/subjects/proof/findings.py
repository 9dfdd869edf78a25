"""What was found and what was looked at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Place:
    """A place that holds some of the values: what it is, in words, and which values, by number."""

    where: str
    values: frozenset[int]


@dataclass
class Findings:
    """Places where something is left, and what was looked at to find them.

    ``registered`` are names in the registry's trees of persons whose deletion is not certified;
    ``sources`` are the controller's own datasets. ``sealed`` counts, for each encrypted column,
    what could be read, what is shredded, and what nobody here can open. ``unread`` says what was
    not looked into, and why.
    """

    left: list[Place] = field(default_factory=list)
    registered: list[Place] = field(default_factory=list)
    sources: list[Place] = field(default_factory=list)
    looked_at: Counter[str] = field(default_factory=Counter)
    sealed: dict[str, Counter[str]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    def note(self, where: str, values: frozenset[int]) -> None:
        """Add a place if it holds any value."""
        if values:
            self.left.append(Place(where, values))

    def count_sealed(self, column: str, standing: str) -> None:
        """Count a ciphertext as ``readable``, ``shredded`` or ``not ours``."""
        self.sealed.setdefault(column, Counter())[standing] += 1
