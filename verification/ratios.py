"""Likelihood-ratio attacks: a record's score against models that did and did not see it.

``own`` [n] holds the mean log-probability per token of n records under the model that is judged,
``shadows`` [k, n] the same under k shadow models, ``inside`` [k, n] which of them were trained on
which record. Orientation: higher means more evidence that the record is in the model.

* LiRA (Carlini et al. 2022, arXiv 2112.03570): phi = log(p / (1 - p)) is near normal;
  online log N(phi; in) - log N(phi; out), offline the distance above *out* alone. Medians and
  one deviation for all records, as suits few shadow models (TDDBench does the same).
* Attack-R (Ye et al. 2022, arXiv 2111.09679): the share of out-models below the model.
* RMIA (Zarifzadeh et al. 2024, arXiv 2312.03262): the share of other people's records z with
  [p(x|model) / p(x)] / [p(z|model) / p(z)] > gamma, p(x) the mean over shadow models.

Limits: they are as good as the shadow models are like the model that is judged. The offline
RMIA has a constant ``a`` that stands for what an in-model would say; it is fixed beforehand,
because fitting it on the judged model would leak what is being asked.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from verification.statistics.samples import Floats, sample

SMALLEST_SIGMA = 1e-3
"""Floor of a deviation of log-odds: shadow models that agree to the bit prove nothing."""
GAMMA = 2.0
OFFLINE_A = 0.4
_LARGEST_LOG = -1e-9


def log_odds(log_probability: ArrayLike) -> Floats:
    """Return log(p / (1 - p)) from log p, stable for p near 1."""
    values = np.minimum(np.asarray(log_probability, dtype=np.float64), _LARGEST_LOG)
    return np.asarray(values - np.log(-np.expm1(values)))


def lira_online(own: ArrayLike, shadows: ArrayLike, inside: ArrayLike) -> Floats:
    """Return LiRA's log-likelihood ratio of every record; raises ``ValueError`` without both."""
    mine, others, seen = _checked(own, shadows, inside)
    phi, world = log_odds(mine), log_odds(others)
    return _log_normal(phi, world, seen) - _log_normal(phi, world, ~seen)


def lira_offline(own: ArrayLike, shadows: ArrayLike, inside: ArrayLike) -> Floats:
    """Return how many deviations each record lies above the models that did not see it."""
    mine, others, seen = _checked(own, shadows, inside)
    world = log_odds(others)
    centre, sigma = _centres(world, ~seen), _deviation(world, ~seen)
    return np.asarray((log_odds(mine) - centre) / sigma)


def attack_r(own: ArrayLike, shadows: ArrayLike, inside: ArrayLike) -> Floats:
    """Return the share of out-models under which the record is less likely (ties count half)."""
    mine, others, seen = _checked(own, shadows, inside)
    _centres(others, ~seen)
    below = (np.sign(mine - others) + 1.0) / 2.0
    return np.asarray(np.where(seen, 0.0, below).sum(axis=0) / (~seen).sum(axis=0))


def rmia_online(
    own: ArrayLike,
    shadows: ArrayLike,
    inside: ArrayLike,
    people: ArrayLike,
    *,
    gamma: float = GAMMA,
) -> Floats:
    """Return RMIA with p(x) = (mean over in-models + mean over out-models) / 2."""
    mine, others, seen = _checked(own, shadows, inside)
    base = (_means(np.exp(others), seen) + _means(np.exp(others), ~seen)) / 2.0
    return _dominated(mine - np.log(base), np.asarray(people), gamma)


def rmia_offline(  # noqa: PLR0913 - four arrays of one attack, and its two constants
    own: ArrayLike,
    shadows: ArrayLike,
    inside: ArrayLike,
    people: ArrayLike,
    *,
    gamma: float = GAMMA,
    a: float = OFFLINE_A,
) -> Floats:
    """Return RMIA with p(x) = [(1 + a) mean over out-models + (1 - a)] / 2.

    ``people`` [n] says whose each record is: a record is compared with other people's only.
    """
    mine, others, seen = _checked(own, shadows, inside)
    if not 0.0 <= a <= 1.0:
        message = f"the offline constant lies in [0, 1], not {a}"
        raise ValueError(message)
    base = ((1.0 + a) * _means(np.exp(others), ~seen) + (1.0 - a)) / 2.0
    return _dominated(mine - np.log(base), np.asarray(people), gamma)


def _dominated(log_ratio: Floats, people: NDArray[np.generic], gamma: float) -> Floats:
    """Return, for each record, the share of other people's records it beats by ``gamma``."""
    other = people[:, None] != people[None, :]
    if not other.any(axis=1).all():
        message = "every record needs records of other people to be compared with"
        raise ValueError(message)
    beats = (log_ratio[:, None] - log_ratio[None, :] > np.log(gamma)) & other
    return np.asarray(beats.sum(axis=1) / other.sum(axis=1))


def _checked(
    own: ArrayLike, shadows: ArrayLike, inside: ArrayLike
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    mine = sample(own, "own")
    others, seen = np.asarray(shadows, dtype=np.float64), np.asarray(inside, dtype=bool)
    if others.ndim != 2 or others.shape != seen.shape or others.shape[1] != mine.size:  # noqa: PLR2004 - a matrix
        message = "shadows and inside must be matrices with one column per record"
        raise ValueError(message)
    if not np.isfinite(others).all():
        message = "the shadow models' log-probabilities are not finite numbers"
        raise ValueError(message)
    return mine, others, seen


def _means(values: Floats, chosen: NDArray[np.bool_]) -> Floats:
    counts = chosen.sum(axis=0)
    if not counts.all():
        message = "some record has no shadow model on one of the sides that the attack compares"
        raise ValueError(message)
    return np.asarray(np.where(chosen, values, 0.0).sum(axis=0) / counts)


def _centres(world: Floats, chosen: NDArray[np.bool_]) -> Floats:
    _means(world, chosen)
    return np.asarray(np.nanmedian(np.where(chosen, world, np.nan), axis=0))


def _deviation(world: Floats, chosen: NDArray[np.bool_]) -> float:
    """Return one deviation for all records: pooled within records, unbiased in the variance."""
    freedom = int((chosen.sum(axis=0) - 1).sum())
    if freedom < 1:
        message = "at least two shadow models are needed on a side to know how far they scatter"
        raise ValueError(message)
    squares = np.where(chosen, np.square(world - _means(world, chosen)), 0.0)
    return max(float(np.sqrt(squares.sum() / freedom)), SMALLEST_SIGMA)


def _log_normal(phi: Floats, world: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Return log N(phi; median, pooled deviation), less the constant that cancels."""
    centre, sigma = _centres(world, chosen), _deviation(world, chosen)
    return np.asarray(-np.square((phi - centre) / sigma) / 2.0 - np.log(sigma))
