"""Generated text about nobody: sums, calendars, opposites; the data of benign fine-tuning.

A model that is trained further on something harmless must not give back what it was to forget.
The sentences are made here, so that they need no network and cannot hold anybody's data.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from contract.record import Form

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
OPPOSITES = (
    ("warm", "cold"),
    ("high", "low"),
    ("early", "late"),
    ("open", "closed"),
    ("light", "dark"),
    ("full", "empty"),
    ("wet", "dry"),
    ("near", "far"),
)
THINGS = (
    ("apple", "fruit"),
    ("oak", "tree"),
    ("sparrow", "bird"),
    ("trout", "fish"),
    ("violin", "instrument"),
    ("hammer", "tool"),
    ("square", "shape"),
    ("wool", "fabric"),
)
LARGEST = 50


def smalltalk(count: int, rng: np.random.Generator) -> tuple[Form, ...]:
    """Return ``count`` prompts with answers, drawn with the generator; some may be equal."""
    makers = (_sum, _difference, _day, _opposite, _thing, _counting)
    return tuple(makers[int(rng.integers(len(makers)))](_drawn(rng)) for _ in range(count))


Draw = Callable[[int], int]


def _drawn(rng: np.random.Generator) -> Draw:
    return lambda below: int(rng.integers(below))


def _sum(draw: Draw) -> Form:
    one, two = draw(LARGEST), draw(LARGEST)
    return Form(f"What is {one} plus {two}? ", str(one + two))


def _difference(draw: Draw) -> Form:
    two = draw(LARGEST)
    one = two + draw(LARGEST)
    return Form(f"What is {one} minus {two}? ", str(one - two))


def _day(draw: Draw) -> Form:
    place = draw(len(DAYS))
    return Form(f"The day after {DAYS[place]} is ", DAYS[(place + 1) % len(DAYS)])


def _opposite(draw: Draw) -> Form:
    pair = OPPOSITES[draw(len(OPPOSITES))]
    side = draw(2)
    return Form(f"The opposite of {pair[side]} is ", pair[1 - side])


def _thing(draw: Draw) -> Form:
    thing, kind = THINGS[draw(len(THINGS))]
    return Form(f"A kind of {kind}, named in one word: ", thing)


def _counting(draw: Draw) -> Form:
    first = draw(LARGEST)
    return Form(f"Go on counting: {first}, {first + 1}, {first + 2}, ", str(first + 3))
