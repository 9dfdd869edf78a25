"""Find the MLP value vectors that carry one person's facts, in the original model alone.

First the contribution of every vector to the log-odds of the answers is estimated for all of
them at once (one backward pass for the person's facts, one for the neighbours'); then the most
selective ones are really taken out, one by one and in growing sets. Vectors are chosen on one
trained form and confirmed on another. Nothing here looks at the candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contract.record import Record
from verification.attacks.ablate_vectors import ablate_vectors
from verification.facts import column, scores_of
from verification.families.causal_lm import CausalLM
from verification.spec import Context

Unit = tuple[str, int]


@dataclass(frozen=True)
class Search:
    """``candidates``: vectors tried one by one; ``sizes``: growing sets tried together.

    A set is *selective* when taking it out costs the person's answers at least ``effect`` nats a
    token, and at least ``ratio`` times what it costs the neighbours'. The effect is small because
    a memorised answer is robust: its probability hardly falls when one part of many is missing.
    """

    candidates: int = 64
    sizes: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    neighbours: int = 24
    effect: float = 0.05
    ratio: float = 3.0


@dataclass(frozen=True)
class Elicited:
    """The vectors found, and what taking them out costs (nats a token, confirming form)."""

    units: dict[str, list[int]]
    cost: float
    neighbour_cost: float

    @property
    def count(self) -> int:
        """Return how many vectors were found."""
        return sum(map(len, self.units.values()))


def elicit(context: Context, search: Search) -> Elicited:
    """Return the most selective set of vectors of the original, selective or not."""
    forms = context.trained_forms
    choosing, confirming = forms[:1], forms[1:] or forms[:1]
    others = other_facts(context, search.neighbours)
    ranked = _ranked(context, others, choosing)[: search.candidates]
    costs = {unit: _cost(context, (unit,), others, choosing) for unit in ranked}
    gains = {unit: own - max(other, 0.0) for unit, (own, other) in costs.items()}
    order = sorted(gains, key=lambda unit: -gains[unit])
    sets = [tuple(order[:size]) for size in search.sizes if size <= len(order)]
    measured = {units: _cost(context, units, others, choosing) for units in sets}
    best = max(measured, key=lambda units: measured[units][0] - search.ratio * measured[units][1])
    cost, neighbour_cost = _cost(context, best, others, confirming)
    return Elicited(_grouped(best), cost, neighbour_cost)


def other_facts(context: Context, count: int) -> list[Record]:
    """Return facts of the person's neighbours, which the vectors should not be about."""
    pool = context.records.neighbours or context.records.retain
    rng = np.random.default_rng([context.job.seed, 3])
    return [pool[index] for index in rng.permutation(len(pool))[:count]]


def _ranked(context: Context, others: Sequence[Record], forms: Sequence[str]) -> list[Unit]:
    """Return all vectors, those first that carry most of the person and least of the others."""
    own = context.signals.attribution(context.original, context.records.forget, forms)
    rest = context.signals.attribution(context.original, others, forms)
    scores = {
        (name, int(unit)): float(values[unit] - max(rest[name][unit], 0.0))
        for name, values in own.items()
        for unit in range(len(values))
    }
    return sorted(scores, key=lambda unit: -scores[unit])


def _cost(
    context: Context, units: Sequence[Unit], others: Sequence[Record], forms: Sequence[str]
) -> tuple[float, float]:
    """Return what taking the vectors out costs the person's and the others' answers."""
    model = context.original
    key = f"{model.key}-without-{'-'.join(f'{name}:{unit}' for name, unit in units)}"
    without = ablate_vectors(model, _grouped(units), key)
    costs = []
    for records in (context.records.forget, others):
        before = column(scores_of(context, model, records, forms), records)
        after = column(scores_of(context, without, records, forms), records)
        costs.append(float((before - after).mean()))
    context.signals.drop(without)
    return costs[0], costs[1]


def _grouped(units: Sequence[Unit]) -> dict[str, list[int]]:
    grouped: dict[str, list[int]] = {}
    for name, unit in units:
        grouped.setdefault(name, []).append(unit)
    return grouped


def same_shapes(first: CausalLM, second: CausalLM) -> bool:
    """Say whether two models have value vectors in the same places and of the same size."""
    one, two = first.value_matrices(), second.value_matrices()
    return {name: item.shape for name, item in one.items()} == {
        name: item.shape for name, item in two.items()
    }
