"""Binomial bounds, the one-run privacy audit and corrections for asking many questions."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import optimize, stats

from verification.statistics.samples import Floats, Values, sample, unit_interval

_LARGEST_EPSILON = 60.0


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact binomial interval, one-sided where only one side exists.

    With 0 successes (or all) the whole error probability goes to the open side, the "rule of
    three" convention: 0 of 20 gives an upper bound of 13.9 %. Otherwise both sides are two-sided
    (Clopper and Pearson 1934).

    Raises:
        ValueError: for counts that are not whole numbers or make no proportion.
    """
    if successes != int(successes) or trials != int(trials):
        message = "successes and trials are counts, whole numbers"
        raise ValueError(message)
    if not 0 <= successes <= trials or trials < 1:
        message = f"{successes} successes of {trials} trials make no proportion"
        raise ValueError(message)
    error = 1.0 - unit_interval(confidence, "confidence")
    if successes == 0:
        return 0.0, float(1.0 - error ** (1.0 / trials))
    if successes == trials:
        return float(error ** (1.0 / trials)), 1.0
    low = stats.beta.ppf(error / 2.0, successes, trials - successes + 1)
    high = stats.beta.ppf(1.0 - error / 2.0, successes + 1, trials - successes)
    return float(low), float(high)


def holm(p_values: Iterable[float]) -> list[float]:
    """Return Holm's adjusted p-values in the order given (Holm 1979): family-wise, any dependence.

    Raises:
        ValueError: if one lies outside [0, 1].
    """
    values = np.asarray(list(p_values), dtype=np.float64)
    if values.size == 0:
        return []
    if values.ndim != 1 or not ((values >= 0.0) & (values <= 1.0)).all():
        message = "p-values lie between 0 and 1"
        raise ValueError(message)
    order = np.argsort(values, kind="stable")
    factors = np.arange(values.size, 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return [float(value) for value in adjusted]


def harmonic_mean(values: Iterable[float]) -> float:
    """Return the harmonic mean of non-negative values; 0 as soon as one of them is 0."""
    array = sample(values, "values")
    if (array < 0.0).any():
        message = "a harmonic mean needs non-negative values"
        raise ValueError(message)
    smallest = float(array.min())
    if smallest == 0.0:
        return 0.0
    # Divided by the smallest value first: 1/x overflows for the tiniest numbers.
    return float(array.size / np.sum(smallest / array)) * smallest


def one_run_p_value(
    correct: int, guesses: int, canaries: int, epsilon: float, delta: float = 0.0
) -> float:
    """Return the p-value of "(epsilon, delta)-private" after ``correct`` of ``guesses`` right.

    Steinke, Nasr and Jagielski 2023 (arXiv 2305.08846), theorem 5.2, for independent fair coins:
    each of ``canaries`` records was trained on or not by its own coin.
    """
    if not 0 <= correct <= guesses <= canaries:
        message = "correct <= guesses <= canaries does not hold"
        raise ValueError(message)
    q = 1.0 / (1.0 + np.exp(-epsilon))
    p_value = float(stats.binom.sf(correct - 1, guesses, q))
    if delta > 0.0 and correct > 0:
        steps = np.arange(1, correct + 1)
        between = stats.binom.sf(correct - 1 - steps, guesses, q) - p_value
        p_value += 2.0 * canaries * delta * float(np.max(between / steps))
    return min(p_value, 1.0)


def one_run_epsilon(
    scores_in: Values, scores_out: Values, delta: float, alpha: float = 0.05
) -> float:
    """Return a lower confidence bound (level 1 - alpha) of epsilon from one training run.

    Every canary must have been put in or left out by its own fair coin. Canaries above one
    threshold are guessed "in", the others "out". The threshold is chosen from the pooled scores
    without looking at who was in: picking the best point of the ROC curve afterwards, even
    divided by the number of its hull's corners, rejects a private model far too often. A bound
    of 0 never certifies anything: this is evidence to fail, not to pass.
    """
    inside, outside = sample(scores_in, "scores_in"), sample(scores_out, "scores_out")
    threshold = _blind_threshold(np.concatenate([inside, outside]))
    correct = int(np.count_nonzero(inside > threshold) + np.count_nonzero(outside <= threshold))
    canaries = inside.size + outside.size
    return epsilon_lower_bound(correct, canaries, canaries, delta, alpha)


def epsilon_lower_bound(
    correct: int, guesses: int, canaries: int, delta: float = 0.0, alpha: float = 0.05
) -> float:
    """Return the largest epsilon that ``correct`` of ``guesses`` right refutes at level alpha.

    0 when not even epsilon = 0 is refuted, which says nothing.
    """
    unit_interval(alpha, "alpha")

    def excess(epsilon: float) -> float:
        return one_run_p_value(correct, guesses, canaries, epsilon, delta) - alpha

    if excess(0.0) > 0.0:
        return 0.0
    return float(optimize.brentq(excess, 0.0, _LARGEST_EPSILON))


def _blind_threshold(scores: Floats) -> float:
    """Return the cut between two clusters of the pooled scores (Otsu), near their median.

    "Near" is within the imbalance that fair coins make plausible (2.6 standard deviations); when
    ties leave no cut there, the nearest one is taken.
    """
    ordered = np.sort(scores)
    cuts = np.flatnonzero(np.diff(ordered) > 0.0) + 1
    if cuts.size == 0:
        return float(ordered[-1])
    offset = np.abs(cuts - ordered.size / 2.0)
    cuts = cuts[offset <= max(float(offset.min()), 1.3 * float(np.sqrt(ordered.size)))]
    sums = np.cumsum(ordered)[cuts - 1]
    means_below, means_above = sums / cuts, (ordered.sum() - sums) / (ordered.size - cuts)
    between = cuts * (ordered.size - cuts) * np.square(means_above - means_below)
    cut = int(cuts[int(np.argmax(between))])
    return float(ordered[cut - 1])
