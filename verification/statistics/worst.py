"""Many wordings of the same facts: the worst one, judged as such.

Looking for the wording in which a person stands out most and testing that one alone finds
something in everybody. The null distribution must be that of the *maximum*: whole records (with
their scores in every wording, so that their dependence is kept) are dealt out anew between the
person and the twins, and each time the worst wording is looked for again (Westfall and Young
1993, max-T).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from verification.statistics.ranks import design_effect
from verification.statistics.samples import Floats

DRAWS = 9_999
CHUNK = 1_000
_EDGE = 1e-12


def worst_column_p_value(
    own: ArrayLike, groups: Sequence[ArrayLike], seed: int = 0, draws: int = DRAWS
) -> float:
    """Return the one-sided p-value of "in no column does the person score above the twins".

    ``own`` [n, columns] holds the person's records, ``groups`` one such array per twin person;
    NaN marks what was not asked. Columns are compared by standardised rank sums, the observed
    ones divided by the design effect of their column (records of one person move together).
    Monte-Carlo permutation with the observed one counted, so the p-value is valid for any number
    of draws and never below 1 / (draws + 1). 1 when nothing can be compared.
    """
    person = np.atleast_2d(np.asarray(own, dtype=np.float64))
    others = [np.atleast_2d(np.asarray(group, dtype=np.float64)) for group in groups]
    pooled = np.concatenate([person, *others])
    columns, widening = [], []
    for index in range(pooled.shape[1]):
        column = _standardised(pooled[:, index])
        if column is not None:
            columns.append(column)
            widening.append(_widening([group[:, index] for group in others]))
    if not columns or len(person) in {0, len(pooled)}:
        return 1.0
    ranks = np.stack(columns, axis=1)
    observed = float((_z(ranks, np.arange(len(person))[None]) / np.array(widening)).max())
    rng = np.random.default_rng(seed)
    higher = 0
    for first in range(0, draws, CHUNK):
        size = min(CHUNK, draws - first)
        dealt = rng.random((size, len(pooled))).argpartition(len(person) - 1, axis=1)
        null = _z(ranks, dealt[:, : len(person)]).max(axis=1)
        higher += int(np.count_nonzero(null >= observed - _EDGE))
    return (1 + higher) / (draws + 1)


def page_trend(rows: ArrayLike) -> Floats:
    """Return Page's L of every row, standardised: does the score rise from step to step?

    ``rows`` has shape [records, steps]. L = sum of step x rank of the score within the row
    (Page 1963); minus its mean and over its deviation when all orders are equally likely. A row
    without any difference is 0.
    """
    values = np.atleast_2d(np.asarray(rows, dtype=np.float64))
    steps = values.shape[1]
    if steps < 2:  # noqa: PLR2004 - a trend needs two steps
        message = "a trend needs at least two steps"
        raise ValueError(message)
    ranks = stats.rankdata(values, axis=1) - (steps + 1) / 2.0
    order = np.arange(1, steps + 1) - (steps + 1) / 2.0
    deviation = np.square(order).sum() / np.sqrt(steps - 1.0)
    return np.asarray(ranks @ order / deviation)


def _standardised(column: Floats) -> Floats | None:
    """Return centred ranks of unit spread, 0 where nothing was asked; ``None`` without spread."""
    known = np.isfinite(column)
    if np.count_nonzero(known) < 2:  # noqa: PLR2004 - one value has no rank among others
        return None
    ranks = stats.rankdata(column[known])
    spread = float(ranks.std())
    if spread == 0.0:
        return None
    found = np.zeros_like(column)
    found[known] = (ranks - ranks.mean()) / spread
    return found


def _widening(groups: Sequence[Floats]) -> float:
    known = [group[np.isfinite(group)] for group in groups]
    known = [group for group in known if group.size]
    return design_effect(known) if len(known) > 1 else 1.0


def _z(ranks: Floats, chosen: np.ndarray) -> Floats:
    """Return z [draws, columns] of the rank sums of the chosen rows [draws, n]."""
    total, size = len(ranks), chosen.shape[1]
    variance = size * (total - size) / (total * (total - 1.0)) * np.square(ranks).sum(axis=0)
    return np.asarray(ranks[chosen].sum(axis=1) / np.sqrt(variance))
