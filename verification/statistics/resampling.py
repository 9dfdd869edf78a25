"""Bootstrap intervals and the residual fraction: how much of the memorisation gap is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy import stats

from verification.statistics.samples import Floats, Values, sample, unit_interval

RESAMPLES = 4000
_FLOATS_AT_ONCE = 8_000_000
_JACKKNIFE = 1000
_NO_GAP = "the original model shows no memorisation gap; no fraction of it is defined"
Statistic = Callable[[Floats], Floats]


class NoGapError(ValueError):
    """The original model shows no memorisation, so a fraction of it is not defined."""


def bca_interval(
    rows: Floats,
    statistic: Statistic,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, float, float]:
    """Return estimate, low and high of ``statistic`` by the BCa bootstrap over rows.

    ``rows`` has shape (n, k); ``statistic`` maps (..., n, k) to (...). Bias correction and
    acceleration as in Efron 1987; the normal quantiles are widened to Student's with n - 1
    degrees of freedom and by sqrt(n/(n-1)) (Hesterberg 2015), without which intervals of twenty
    records are too short.
    """
    count = rows.shape[0]
    rng = np.random.default_rng(seed)
    estimate = float(statistic(rows))
    at_once = max(1, _FLOATS_AT_ONCE // rows.size)
    values = np.concatenate(
        [
            statistic(rows[rng.integers(0, count, size=(min(at_once, resamples - done), count))])
            for done in range(0, resamples, at_once)
        ]
    )
    return (estimate, *_bca(estimate, np.sort(values), _jackknife(rows, statistic), confidence))


def _jackknife(rows: Floats, statistic: Statistic) -> Floats:
    """Return the leave-one-out values; of evenly spread rows only, when there are very many.

    They enter through the acceleration alone, which vanishes as 1/sqrt(n).
    """
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _JACKKNIFE)).astype(int))
    return np.array([float(statistic(np.delete(rows, index, axis=0))) for index in chosen])


def _bca(
    estimate: float, values: Floats, jackknife: Floats, confidence: float
) -> tuple[float, float]:
    """Return the interval from sorted bootstrap values and leave-one-out values."""
    count = jackknife.size
    below = (np.searchsorted(values, estimate) + np.searchsorted(values, estimate, "right")) / 2
    # Kept off 0 and 1, where the bias correction would be infinite.
    bias = float(stats.norm.ppf(np.clip(below / values.size, 1e-4, 1.0 - 1e-4)))
    influence = jackknife.mean() - jackknife
    scale = float(np.square(influence).sum()) ** 1.5
    acceleration = float((influence**3).sum()) / (6.0 * scale) if scale > 0.0 else 0.0
    tail = (1.0 - unit_interval(confidence, "confidence")) / 2.0
    reach = float(stats.t.isf(tail, count - 1)) * np.sqrt(count / (count - 1))
    shifted = bias + np.array([-reach, reach])
    levels = stats.norm.cdf(bias + shifted / np.maximum(1.0 - acceleration * shifted, 1e-3))
    low, high = np.quantile(values, levels)
    return float(min(low, estimate)), float(max(high, estimate))


def residual_fraction(
    unlearned: Values,
    original: Values,
    references: Iterable[Values],
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return (estimate, low, high) of the share of the memorisation gap that is left.

    rho = (T(unlearned) - T(references)) / (T(original) - T(references)), T the mean score over
    the same records in the same order. 0 is "like models that never saw them", 1 "nothing
    deleted", below 0 over-forgotten. The interval joins, in quadrature, the bootstrap over
    records and the scatter between reference runs (Student's t with R - 1 degrees of freedom).
    A single reference has no scatter to estimate: its interval is conditional on that run and
    only descriptive.

    Raises:
        NoGapError: if the original is not clearly above the references (one-sided 95 %).
        ValueError: if lengths differ, or there are fewer than three records or no reference.
    """
    candidate, before = sample(unlearned, "unlearned", 3), sample(original, "original", 3)
    runs = np.stack(_same_length(candidate, before, references))
    level = runs.mean(axis=0)
    scatter = _standard_error(runs)
    _require_gap(before - level, scatter, len(runs))
    rows = np.stack([candidate - level, before - level], axis=1)
    estimate, low, high = bca_interval(rows, _ratio, confidence, seed)
    if len(runs) == 1:
        return estimate, low, high
    error = abs(estimate - 1.0) / float(rows[:, 1].mean()) * scatter
    reach = float(stats.t.isf((1.0 - confidence) / 2.0, len(runs) - 1)) * error
    return (
        estimate,
        estimate - float(np.hypot(estimate - low, reach)),
        estimate + float(np.hypot(high - estimate, reach)),
    )


def _ratio(rows: Floats) -> Floats:
    """Return mean(first column) / mean(second column)."""
    means = rows.mean(axis=-2)
    return np.asarray(means[..., 0] / means[..., 1])


def _same_length(candidate: Floats, before: Floats, references: Iterable[Values]) -> list[Floats]:
    runs = [sample(run, "reference") for run in references]
    if not runs:
        message = "the residual fraction needs at least one reference"
        raise ValueError(message)
    if any(run.size != candidate.size for run in [before, *runs]):
        message = "scores must be of the same records in the same order"
        raise ValueError(message)
    return runs


def _standard_error(runs: Floats) -> float:
    """Return the standard error of the mean over runs; 0 when one run has none to show."""
    means = runs.mean(axis=1)
    return float(means.std(ddof=1)) / float(np.sqrt(means.size)) if means.size > 1 else 0.0


def _require_gap(gaps: Floats, run_error: float, runs: int) -> None:
    """Raise :class:`NoGapError` unless the mean gap is above 0 at one-sided 95 %."""
    records = float(gaps.std(ddof=1)) / float(np.sqrt(gaps.size))
    between = float(stats.t.isf(0.05, runs - 1)) * run_error if runs > 1 else 0.0
    reach = float(np.hypot(stats.t.isf(0.05, gaps.size - 1) * records, between))
    if float(gaps.mean()) <= reach:
        raise NoGapError(_NO_GAP)


def residual_fraction_against_twins(  # noqa: PLR0913 - two models, two groups, two options
    unlearned: Values,
    original: Values,
    unlearned_twins: Sequence[Values],
    original_twins: Sequence[Values],
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return the residual fraction when no reference model exists: never-trained twins stand in.

    rho = (mean_F(unlearned) - mean_T(unlearned)) / (mean_F(original) - mean_T(original)): each
    model's twins show what a record it never saw scores in that model. ``*_twins`` hold one array
    per twin person. Percentile bootstrap over the person's records and over whole twin persons.

    Raises:
        NoGapError: if the original's gap is not clearly above 0 (one-sided 95 %).
        ValueError: if lengths differ, or there are fewer than three records or two twins.
    """
    candidate, before = sample(unlearned, "unlearned", 3), sample(original, "original", 3)
    twins = np.array([_person(a, b) for a, b in zip(unlearned_twins, original_twins, strict=True)])
    if candidate.size != before.size or len(twins) < 2:  # noqa: PLR2004 - a scatter needs two
        message = "scores must be of the same records, and of at least two twin persons"
        raise ValueError(message)
    own = np.stack([candidate, before], axis=1)
    rng = np.random.default_rng(seed)
    gaps = _resampled_means(own, rng) - _resampled_twins(twins, rng)
    point = own.mean(axis=0) - twins[:, :2].sum(axis=0) / twins[:, 2].sum()
    if np.quantile(gaps[:, 1], 0.05) <= 0.0:
        raise NoGapError(_NO_GAP)
    tail = (1.0 - unit_interval(confidence, "confidence")) / 2.0
    low, high = np.quantile(gaps[:, 0] / gaps[:, 1], [tail, 1.0 - tail])
    return float(point[0] / point[1]), float(low), float(high)


def _person(unlearned: Values, original: Values) -> tuple[float, float, float]:
    """Return both score sums and the number of records of one twin person."""
    first, second = sample(unlearned, "twin"), sample(original, "twin")
    if first.size != second.size:
        message = "scores must be of the same records in the same order"
        raise ValueError(message)
    return float(first.sum()), float(second.sum()), float(first.size)


def _resampled_means(rows: Floats, rng: np.random.Generator) -> Floats:
    return np.asarray(rows[rng.integers(0, len(rows), size=(RESAMPLES, len(rows)))].mean(axis=1))


def _resampled_twins(twins: Floats, rng: np.random.Generator) -> Floats:
    drawn = twins[rng.integers(0, len(twins), size=(RESAMPLES, len(twins)))].sum(axis=1)
    return np.asarray(drawn[:, :2] / drawn[:, 2:])
