"""The arithmetic of shards and slices: who goes where, in which order, and what a deletion costs.

A *shard* is a part of the data subjects with an adapter of its own. A *slice* is a part of a
shard. With slices alone (SISA) the adapter learns slice after slice and a checkpoint is kept after
each. With permutations as well (S3T) each slice trains its own group of layers, from the top of
the model downwards, once for every *order* of the slices. No torch is needed here.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Hashable, Sequence
from itertools import pairwise
from typing import TypeVar

from contract.result import ErrorCode, JobError

SubjectT = TypeVar("SubjectT", bound=Hashable)


def deal(subjects: Collection[SubjectT], count: int, seed: int) -> dict[SubjectT, int]:
    """Deal the subjects, in the order given, to ``count`` places shuffled by the seed.

    No place gets more than one subject more than another.
    """
    order = list(subjects)
    random.Random(seed).shuffle(order)  # noqa: S311 - a division, not a secret
    return {subject: index % count for index, subject in enumerate(order)}


def cyclic_orders(slices: int, count: int) -> tuple[tuple[int, ...], ...]:
    """Return ``count`` orders of the slices, each beginning with another slice.

    Order ``b`` is ``b, b + 1, ...`` around the circle. More orders than slices would begin
    with a slice that another begins with already, and outlive no further deletion: refused.
    """
    if count > slices:
        message = (
            f"{count} permutations of {slices} slices: one more than there are slices outlives "
            "no further deletion; use at most as many permutations as slices"
        )
        raise JobError(ErrorCode.BAD_JOB, message)
    return tuple(
        tuple((first + place) % slices for place in range(slices)) for first in range(count)
    )


def surviving(order: Sequence[int], off: Collection[int]) -> int:
    """Return how many slices at the front of an order were trained before any that is off."""
    return next((place for place, item in enumerate(order) if item in off), len(order))


def best_order(
    orders: Sequence[Sequence[int]], off: Collection[int], sizes: Sequence[int]
) -> tuple[int, int]:
    """Return the order that still knows the most records, and how many of its slices live.

    ``sizes`` counts the records of each slice. Among equals the first order is taken.
    """
    living = [surviving(order, off) for order in orders]
    known = [
        sum(sizes[item] for item in order[:length])
        for order, length in zip(orders, living, strict=True)
    ]
    chosen = known.index(max(known))
    return chosen, living[chosen]


def expected_deletions(slices: int, needed: int) -> float:
    """Return how many random deletions it takes to hit each of ``needed`` slices once.

    ``slices`` counts the slices of all shards; each deletion hits one of them, all alike. An
    adapter is of no use any more when the first slice of each of its orders was hit, so a model of
    ``m`` shards, ``L`` slices and ``B`` orders bears ``m L H(m B)`` deletions on average, with
    ``H`` the harmonic number (arXiv 2406.16257, section 4).
    """
    return slices * sum(1 / rank for rank in range(1, needed + 1))


def stage_epochs(epochs: int, slices: int) -> int:
    """Return the epochs after each of the slices, at least one.

    Stage ``r`` trains on slices 1 to ``r``, so ``2 epochs / (slices + 1)`` each cost together
    what ``epochs`` over everything cost (arXiv 1912.03817, section 4).
    """
    return max(1, round(2 * epochs / (slices + 1)))


def layer_groups(layers: int, count: int) -> tuple[tuple[int, ...], ...]:
    """Split layer numbers into ``count`` groups, the topmost first, sizes as even as can be."""
    if count > layers:
        message = (
            f"a model of {layers} layers cannot give each of {count} slices a group of its own; "
            f"use at most {layers} slices"
        )
        raise JobError(ErrorCode.BAD_JOB, message)
    downwards = list(reversed(range(layers)))
    bounds = [layers * place // count for place in range(count + 1)]
    return tuple(tuple(downwards[first:last]) for first, last in pairwise(bounds))
