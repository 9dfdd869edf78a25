"""In which order to try methods, by what their attempts have cost and how often they passed.

A pass is a coin of unknown bias: its chance is learned by Beta-Bernoulli counting, from the
attempts on this very model under the same profile, beginning with what the committed benchmark saw
on other models (``PRIOR_WEIGHT`` tries' worth) or, where it says nothing, with one pass in two.
A cost is what the attempts here took on average, unlearning and verification together; before
there are any it is the benchmark's share of a full retrain, brought to this model's scale.

Tried one after the other until one passes, methods cost least in expectation when they are ordered
by cost per success: expected cost divided by chance. Methods behind the ladder's last rung are
left out: a pass by the last rung comes cheaper than by them. Nothing here is random, so the same
history gives the same plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from contract.canonical import read_json

PRIOR_FILE = Path(__file__).with_name("track_record.json")
PRIOR_WEIGHT = 4.0
DIGITS = 4


@dataclass(frozen=True)
class Trials:
    """How a method did on a model: verified tries, passes, and mean seconds; ``None``: unknown."""

    tried: int = 0
    passed: int = 0
    unlearning: float | None = None
    verifying: float | None = None


@dataclass(frozen=True)
class Prior:
    """How a method did in the benchmark; ``cost`` is a share of a full retrain's."""

    tried: int
    passed: int
    cost: float


@dataclass(frozen=True)
class Line:
    """A method's place in a plan and what it rests on.

    ``chance`` of a pass; ``cost`` and ``per_success`` are in units of one try of the ladder's
    last rung. ``place`` counts from 1; 0 when the method is left out.
    """

    method: str
    place: int
    tried: int
    passed: int
    prior_tried: int
    prior_passed: int
    chance: float
    cost: float
    per_success: float


@dataclass(frozen=True)
class Plan:
    """The order in which methods are tried, with every number it rests on."""

    lines: tuple[Line, ...]

    @property
    def order(self) -> tuple[str, ...]:
        """Return the methods in the order in which they are tried."""
        placed = sorted((line for line in self.lines if line.place), key=lambda line: line.place)
        return tuple(line.method for line in placed)

    def line(self, method: str) -> Line:
        """Return the line of a method."""
        return next(line for line in self.lines if line.method == method)

    def as_json(self) -> dict[str, Any]:
        """Return the plan as data: names of methods and numbers, nothing else."""
        return {"order": list(self.order), "lines": [vars(line) for line in self.lines]}


@cache
def benchmark() -> Mapping[str, Mapping[str, Prior]]:
    """Return what the committed benchmark saw, by tier and method."""
    content = read_json(PRIOR_FILE)["tiers"] if PRIOR_FILE.exists() else {}
    return {
        tier: {method: Prior(**seen) for method, seen in methods.items()}
        for tier, methods in content.items()
    }


def make_plan(
    methods: Sequence[str], trials: Mapping[str, Trials], priors: Mapping[str, Prior]
) -> Plan | None:
    """Return the plan for the methods of a ladder, weakest first in ``methods``.

    ``None`` when nothing is known that would tell them apart, or a cost is missing.
    """
    costs = _costs(methods, trials, priors)
    if costs is None or not (trials or priors):
        return None
    unit = costs[methods[-1]] or 1.0
    lines = []
    for method in methods:
        own, prior = trials.get(method, Trials()), priors.get(method)
        chance = chance_of(own, prior)
        cost = costs[method] / unit
        lines.append(
            Line(
                method=method,
                place=0,
                tried=own.tried,
                passed=own.passed,
                prior_tried=prior.tried if prior else 0,
                prior_passed=prior.passed if prior else 0,
                chance=round(chance, DIGITS),
                cost=round(cost, DIGITS),
                per_success=round(cost / chance, DIGITS),
            )
        )
    ordered = sorted(lines, key=lambda line: line.per_success)  # stable: ties stay weakest first
    places = {line.method: place for place, line in enumerate(ordered, start=1)}
    last = places[methods[-1]]
    return Plan(
        tuple(
            Line(**{**vars(line), "place": places[line.method]})
            if places[line.method] <= last
            else line
            for line in lines
        )
    )


def chance_of(trials: Trials, prior: Prior | None) -> float:
    """Return the expected chance of a pass: the mean of the Beta distribution learned so far."""
    passes, fails = 1.0, 1.0
    if prior is not None and prior.tried:
        passes += PRIOR_WEIGHT * prior.passed / prior.tried
        fails += PRIOR_WEIGHT * (prior.tried - prior.passed) / prior.tried
    return (passes + trials.passed) / (passes + fails + trials.tried)


def _costs(
    methods: Sequence[str], trials: Mapping[str, Trials], priors: Mapping[str, Prior]
) -> dict[str, float] | None:
    """Return what a try of each method costs, all in one unit; ``None`` when one is unknown."""
    verifying = _mean([own.verifying for own in trials.values() if own.verifying is not None])
    scales = [
        own.unlearning / priors[method].cost
        for method, own in trials.items()
        if own.unlearning is not None and method in priors
    ]
    scale = _mean(scales) or (1.0 if not _timed(trials) else 0.0)
    found = {}
    for method in methods:
        own = trials.get(method, Trials())
        if own.unlearning is not None:
            unlearning = own.unlearning
        elif method in priors and scale:
            unlearning = priors[method].cost * scale
        else:
            return None
        mine = own.verifying if own.verifying is not None else verifying
        found[method] = unlearning + mine
    return found


def _timed(trials: Mapping[str, Trials]) -> bool:
    return any(own.unlearning is not None for own in trials.values())


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
