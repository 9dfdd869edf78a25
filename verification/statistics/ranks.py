"""Rank statistics: ROC areas, exact two-sample tests and the clustering of records in persons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from verification.statistics.samples import Values, sample, unit_interval

_EDGE = 1e-9
_EXACT_CELLS = 100_000_000
"""Sums above which the exact rank distribution gives way to its normal limit."""
_EXACT_PATHS = 200_000_000
"""Lattice points above which the exact Kolmogorov-Smirnov p-value gives way to its limit."""


def auc(positives: Values, negatives: Values) -> float:
    """Return P(positive > negative) + P(tie)/2: the area under the ROC curve.

    Works on ranks in O(N log N) (Bamber 1975; Mann and Whitney 1947).
    """
    x, y = sample(positives, "positives"), sample(negatives, "negatives")
    ranks = stats.rankdata(np.concatenate([x, y]))
    wins = ranks[: x.size].sum() - x.size * (x.size + 1) / 2
    return float(wins / (x.size * y.size))


def auc_interval(
    positives: Values,
    negatives: Values,
    confidence: float = 0.95,
    design_effect: float = 1.0,
) -> tuple[float, float]:
    """Return the score-type interval of the AUC (Newcombe 2006, method 5).

    Unlike a Wald interval it has width at an AUC of 0 or 1. ``design_effect`` multiplies the
    standard error (records of one person are not independent).
    """
    x, y = sample(positives, "positives"), sample(negatives, "negatives")
    return auc_interval_from(auc(x, y), (x.size, y.size), confidence, design_effect)


def auc_interval_from(
    area: float, sizes: tuple[int, int], confidence: float = 0.95, design_effect: float = 1.0
) -> tuple[float, float]:
    """Return :func:`auc_interval` when only the area and the two sample sizes are at hand."""
    z = float(stats.norm.ppf((1.0 + unit_interval(confidence, "confidence")) / 2.0))
    pairs, half = sizes[0] * sizes[1], (sizes[0] + sizes[1]) / 2.0

    def excess(theta: float) -> float:
        spread = 1.0 + (half - 1.0) * ((1.0 - theta) / (2.0 - theta) + theta / (1.0 + theta))
        variance = theta * (1.0 - theta) * spread / pairs
        return (area - theta) ** 2 - (z * design_effect) ** 2 * variance

    # 0 and 1 are roots themselves when the area is 0 or 1, and not the ones looked for.
    low = 0.0 if area <= 0.0 else float(optimize.brentq(excess, 0.0, min(area, 1.0 - _EDGE)))
    high = 1.0 if area >= 1.0 else float(optimize.brentq(excess, max(area, _EDGE), 1.0))
    return low, high


def tpr_at_fpr(positives: Values, negatives: Values, max_fpr: float) -> float:
    """Return the true-positive rate at the last ROC point with FPR strictly below ``max_fpr``.

    No interpolation: with m negatives nothing below 1/m can be resolved, and the result is then
    the rate at FPR 0. Records tied with the threshold count on its positive side.
    """
    x, y = sample(positives, "positives"), np.sort(sample(negatives, "negatives"))
    thresholds = np.unique(np.concatenate([x, y]))[::-1]
    # Counts are subtracted before dividing: 1 - 9/10 would fall below 1/10.
    false_positive = (y.size - np.searchsorted(y, thresholds, side="left")) / y.size
    true_positive = (x.size - np.searchsorted(np.sort(x), thresholds, side="left")) / x.size
    allowed = np.flatnonzero(false_positive < max_fpr)
    return float(true_positive[allowed[-1]]) if allowed.size else 0.0


def ks_two_sample(x: Values, y: Values, *, conditional: bool = False) -> tuple[float, float]:
    """Return the two-sided Kolmogorov-Smirnov statistic and its exact p-value.

    The p-value is the share of lattice paths that leave the band, by the recursion of Viehmann
    (2021, arXiv 2102.08037): sums of positive terms only, so neither overflow nor cancellation
    however small it is. Cost O(nm); beyond about 14,000 values each, the limit distribution.

    Ties never inflate the statistic. The p-value is that of continuous samples, the published
    convention, and conservative with ties; ``conditional`` counts a path only where tied values
    end, which makes it the exact permutation p-value given the ties.
    """
    a, b = np.sort(sample(x, "x")), np.sort(sample(y, "y"))
    n, m = a.size, b.size
    points = np.sort(np.concatenate([a, b]))
    below_a = np.searchsorted(a, points, side="right").astype(np.int64)
    below_b = np.searchsorted(b, points, side="right").astype(np.int64)
    distance = int(np.abs(below_a * m - below_b * n).max())
    statistic = distance / (n * m)
    if n * m > _EXACT_PATHS:
        return statistic, float(stats.kstwo.sf(statistic, round(n * m / (n + m))))
    ends = np.append(points[1:] > points[:-1], [True]) if conditional else None
    return statistic, _ks_outside(n, m, distance, ends)


def _ks_outside(n: int, m: int, distance: int, ends: NDArray[np.bool_] | None = None) -> float:
    """Return the probability that n*m*D reaches ``distance`` under exchangeability.

    ``ends`` says after which of the n + m steps the distance is looked at (default: after all).
    """
    index = np.arange(n + 1, dtype=np.int64)
    outside = np.zeros(n + 1)
    outside[0] = float(distance <= 0)
    for step in range(1, n + m + 1):
        arrived = index / step * np.concatenate([[0.0], outside[:-1]])
        arrived += (step - index) / step * outside
        other = step - index
        reachable = (other >= 0) & (other <= m)
        touches = np.abs(index * m - other * n) >= distance
        if ends is not None and not ends[step - 1]:
            touches[:] = False
        outside = np.where(reachable, np.where(touches, 1.0, arrived), 0.0)
    return float(min(1.0, outside[n]))


def leak_p_value(forget: Values, twins: Values, design_effect: float = 1.0) -> float:
    """Return the one-sided p-value of "the forget records score no higher than the twins".

    The permutation distribution of the rank sum, exact with ties too (its normal limit for large
    samples). A ``design_effect`` above 1 means that records of one person move together, so that
    single records are not exchangeable: the larger of the exact value and the normal one with
    the inflated standard error is returned.
    """
    x, y = sample(forget, "forget"), sample(twins, "twins")
    doubled = np.rint(2 * stats.rankdata(np.concatenate([x, y]))).astype(np.int64)
    observed = int(doubled[: x.size].sum())
    limit = _rank_sum_normal(doubled, x.size, observed, max(design_effect, 1.0))
    cells = doubled.size * x.size * int(np.sort(doubled)[-x.size :].sum())
    if cells > _EXACT_CELLS:
        return limit
    exact = _rank_sum_exact(doubled, x.size, observed)
    return max(exact, limit) if design_effect > 1.0 else exact


def _rank_sum_exact(doubled: NDArray[np.int64], size: int, observed: int) -> float:
    """Return P(sum of ``size`` drawn ranks >= observed), ranks doubled to be whole numbers."""
    unit = int(np.gcd.reduce(doubled))  # 2 without ties: half as many sums to keep
    ranks = np.sort(doubled // unit)
    total = int(ranks[-size:].sum())
    # share[k, s]: of the draws seen so far that took k ranks, weight of those with sum s.
    share = np.zeros((size + 1, total + 1))
    share[0, 0] = 1.0
    taken = np.arange(size + 1)[:, None]
    for seen, rank in enumerate(ranks):
        # Sequential sampling without replacement keeps every number a probability.
        most = min(seen, size)
        reach = int(ranks[seen - most : seen].sum()) + 1
        here = share[: most + 1, :reach]
        moved = here * np.clip((size - taken[: most + 1]) / (ranks.size - seen), 0.0, 1.0)
        here -= moved
        rows = min(most, size - 1) + 1
        columns = min(reach, total + 1 - int(rank))
        share[1 : rows + 1, rank : rank + columns] += moved[:rows, :columns]
    return float(min(1.0, share[size, observed // unit :].sum()))


def _rank_sum_normal(
    doubled: NDArray[np.int64], size: int, observed: int, design_effect: float
) -> float:
    """Return the normal limit of the rank-sum tail, tie-corrected, with continuity correction."""
    count = doubled.size
    variance = size * (count - size) / (count - 1) * float(np.var(doubled))
    if variance <= 0.0:
        return 1.0
    excess = observed - size * float(doubled.mean()) - 1.0
    return float(stats.norm.sf(excess / (np.sqrt(variance) * design_effect)))


def control_p_value(observed: float, controls: Values) -> float:
    """Return (1 + #{controls >= observed}) / (K + 1), the randomisation p-value of one person.

    ``controls`` holds the same statistic of K never-trained persons. 19 of them are needed for
    a p-value of .05, 99 for .01.
    """
    others = sample(controls, "controls")
    return float((1 + np.count_nonzero(others >= observed)) / (others.size + 1))


def design_effect(groups: Sequence[Values]) -> float:
    """Return how much wider (in standard deviations) persons scatter than single records would.

    ``groups`` holds one array of scores per never-trained person. Each person's AUC against all
    the others is compared with the variance it would have if records were independent,
    (n+m+1)/(12nm); the result is the root mean square ratio, never below 1.

    Raises:
        ValueError: with fewer than two persons.
    """
    persons = [sample(group, "group") for group in groups]
    if len(persons) < 2:  # noqa: PLR2004 - one person has no others to be compared with
        message = "the design effect needs at least two control persons"
        raise ValueError(message)
    squares = []
    for index, person in enumerate(persons):
        others = np.concatenate([*persons[:index], *persons[index + 1 :]])
        expected = (person.size + others.size + 1) / (12.0 * person.size * others.size)
        squares.append((auc(person, others) - 0.5) ** 2 / expected)
    return max(1.0, float(np.sqrt(np.mean(squares))))
