"""Mann-Whitney equivalence: evidence that the forgotten records look like never-trained ones.

Failing to find a difference proves nothing; here *inequivalence* is the null hypothesis, so that
too few records lead to "not shown" and never to a pass (Wellek 2010, Testing Statistical
Hypotheses of Equivalence and Noninferiority, section 6.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from verification.statistics.ranks import auc_interval_from
from verification.statistics.samples import Floats, Values, sample, unit_interval


@dataclass(frozen=True)
class Equivalence:
    """Outcome of :func:`mann_whitney_equivalence`.

    ``p_value`` is the smallest level at which inequivalence would be rejected; ``sigma`` the
    standard error of the AUC, design effect included; ``low`` and ``high`` a two-sided
    interval of the AUC at confidence 1 - alpha.
    """

    auc: float
    equivalent: bool
    p_value: float
    low: float
    high: float
    sigma: float
    margin: float


def mann_whitney_equivalence(
    x: Values, y: Values, margin: float, alpha: float = 0.05, design_effect: float = 1.0
) -> Equivalence:
    """Test that P(X > Y) + P(X = Y)/2 lies within ``margin`` of one half.

    The standard error comes from the unbiased variance of the U-statistic, with the ties of the
    half-win kernel, times ``design_effect`` (see :func:`~verification.statistics.design_effect`).
    Scores without any spread (complete separation, or all tied) are never called equivalent.

    Raises:
        ValueError: with fewer than two values in a sample, or a margin outside (0, 0.5).
    """
    first, second = sample(x, "x", 2), sample(y, "y", 2)
    _check_margin(margin)
    unit_interval(alpha, "alpha")
    area, variance = _auc_and_variance(first, second)
    sigma = float(np.sqrt(max(variance, 0.0))) * max(design_effect, 1.0)
    p_value = _p_value(area, margin, sigma)
    low, high = auc_interval_from(
        area, (first.size, second.size), 1.0 - alpha, max(design_effect, 1.0)
    )
    return Equivalence(area, p_value < alpha, p_value, low, high, sigma, margin)


def mann_whitney_equivalence_power(
    n: int, m: int, margin: float, alpha: float = 0.05, design_effect: float = 1.0
) -> float:
    """Return the chance that the test finds two truly identical samples equivalent.

    Large-sample power with the null variance (n+m+1)/(12nm) of the AUC; compared by simulation
    in the tests.
    """
    _check_margin(margin)
    if n < 1 or m < 1:
        message = "both samples need at least one value"
        raise ValueError(message)
    sigma = float(np.sqrt((n + m + 1) / (12.0 * n * m))) * max(design_effect, 1.0)
    critical = _critical(margin / sigma, unit_interval(alpha, "alpha"))
    return float(2.0 * stats.norm.cdf(critical) - 1.0)


def _auc_and_variance(first: Floats, second: Floats) -> tuple[float, float]:
    """Return the AUC and the unbiased estimate of its variance (Wellek, 6.15).

    With no ties the first term of the variance is the AUC itself and this is the published
    formula. Everything is counted by sorting, so that no n x m matrix of pairs is needed.
    """
    n, m = first.size, second.size
    above, ties = _beaten(first, np.sort(second))
    below, _ = _beaten(-second, np.sort(-first))
    area = float(above.sum()) / (n * m)
    # Sum over pairs of the squared win: a tie is half a win and counts a quarter.
    squares = float(above.sum()) - ties / 4.0
    # Chances that two forget records both beat one twin, and one beats two twins.
    two_first = (float(np.square(below).sum()) - squares) / (n * (n - 1) * m)
    two_second = (float(np.square(above).sum()) - squares) / (m * (m - 1) * n)
    spread = squares / (n * m) - (n + m - 1) * area**2 + (n - 1) * two_first + (m - 1) * two_second
    return area, spread / (n * m)


def _beaten(values: Floats, others: Floats) -> tuple[Floats, float]:
    """Return how many of the sorted ``others`` each value beats (ties half), and all ties."""
    lower = np.searchsorted(others, values, side="left")
    upper = np.searchsorted(others, values, side="right")
    return (lower + upper) / 2.0, float((upper - lower).sum())


def _p_value(area: float, margin: float, sigma: float) -> float:
    """Return P(|N(margin/sigma, 1)| <= |area - 1/2|/sigma): the noncentral chi-square tail."""
    if sigma <= 0.0:
        return 1.0
    distance, centre = abs(area - 0.5) / sigma, margin / sigma
    return float(stats.norm.cdf(distance - centre) - stats.norm.cdf(-distance - centre))


def _critical(centre: float, alpha: float) -> float:
    """Return c with P(|N(centre, 1)| <= c) = alpha."""

    def excess(c: float) -> float:
        return float(stats.norm.cdf(c - centre) - stats.norm.cdf(-c - centre)) - alpha

    return float(optimize.brentq(excess, 0.0, centre + 10.0))


def _check_margin(margin: float) -> None:
    if not 0.0 < margin < 0.5:  # noqa: PLR2004 - an AUC is never further than 0.5 from chance
        message = f"an equivalence margin lies strictly between 0 and 0.5, not {margin}"
        raise ValueError(message)
