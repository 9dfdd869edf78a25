"""The vocabulary of a regime: grounds, clocks, refusals. Frozen and pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from expunge.common.errors import InvalidInputError


@dataclass(frozen=True)
class Ground:
    """Why the person may ask. ``clock`` names another clock of the regime than its first.

    ``meaning`` says in plain language when it applies.
    """

    code: str
    label: str
    citation: str
    clock: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class ClockRule:
    """How long the controller has, from the day after receipt.

    ``months`` or ``days`` is the whole first period; ``extended_months`` or ``extended_days``
    the whole period, from receipt again, when it was extended in time. ``rolls``: an end on a
    Saturday, a Sunday or a public holiday moves to the next working day.
    ``acknowledge_days`` are working days within which receipt must be confirmed.
    """

    id: str
    citation: str
    extension_citation: str
    months: int = 0
    days: int = 0
    extended_months: int = 0
    extended_days: int = 0
    rolls: bool = False
    acknowledge_days: int | None = None


@dataclass(frozen=True)
class Refusal:
    """A coded reason why a request is not met, with its source."""

    code: str
    label: str
    citation: str


@dataclass(frozen=True)
class Regime:
    """One law.

    ``claim`` is what the law lets the person ask for, in its own words; ``remedy`` is what a
    person whose request is refused must be told; ``retention_months`` is how long the proof
    without the person's data is kept.
    """

    name: str
    title: str
    claim: str
    explanation: str
    grounds: Sequence[Ground]
    clocks: Sequence[ClockRule]
    refusals: Sequence[Refusal]
    remedy: str
    retention_months: int

    def ground(self, code: str) -> Ground:
        """Return a ground by its code; raises ``ground_unknown``."""
        for ground in self.grounds:
            if ground.code == code:
                return ground
        known = ", ".join(ground.code for ground in self.grounds)
        raise InvalidInputError(
            "ground_unknown", f"A ground under {self.title} is one of {known}.", field="ground"
        )

    def clock(self, ground: str) -> ClockRule:
        """Return the clock that runs for a ground."""
        name = self.ground(ground).clock
        return next((rule for rule in self.clocks if rule.id == name), self.clocks[0])
