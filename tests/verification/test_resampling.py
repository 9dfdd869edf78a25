"""The residual fraction: what is left of the gap, with an interval that tells the truth."""

from __future__ import annotations

import numpy as np
import pytest

from verification.statistics import (
    NoGapError,
    bca_interval,
    residual_fraction,
    residual_fraction_against_twins,
)
from verification.statistics.samples import Floats

RECORDS = 20


def _models(
    rng: np.random.Generator, left: float, references: int, gap: float = 1.8, run: float = 0.05
) -> tuple[Floats, Floats, list[Floats]]:
    """Draw scores: unlearned with that share of the gap left, original, references."""
    difficulty = rng.normal(-2.0, 0.6, RECORDS)
    memorised = gap * rng.gamma(9.0, 1 / 9.0, RECORDS)

    def noise(scale: float) -> Floats:
        return rng.normal(0.0, scale, RECORDS)

    runs = [difficulty + rng.normal(0.0, run) + noise(0.15) for _ in range(references)]
    return (
        difficulty + left * memorised + noise(0.15),
        difficulty + memorised + noise(0.15),
        runs,
    )


@pytest.mark.parametrize("left", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("references", [3, 5])
def test_the_interval_covers_what_is_left(left: float, references: int) -> None:
    rng = np.random.default_rng(int(left * 10) + references)
    runs, covered = 200, 0
    for seed in range(runs):
        _, low, high = residual_fraction(*_models(rng, left, references), seed=seed)
        covered += low <= left <= high
    assert covered / runs >= 0.91


def test_an_honest_retrain_passes_and_nothing_deleted_does_not() -> None:
    rng = np.random.default_rng(2)
    honest = [residual_fraction(*_models(rng, 0.0, 4))[2] for _ in range(50)]
    intact = [residual_fraction(*_models(rng, 1.0, 4))[1] for _ in range(50)]
    assert np.mean([high <= 0.20 for high in honest]) >= 0.95
    assert min(intact) > 0.8


def test_over_forgetting_is_negative() -> None:
    candidate, original, references = _models(np.random.default_rng(3), -1.0, 3)
    assert residual_fraction(candidate, original, references)[2] < -0.5


def test_references_that_scatter_widen_the_interval() -> None:
    rng = np.random.default_rng(4)
    candidate, original, references = _models(rng, 0.0, 3, run=0.0)
    moved = [run + shift for run, shift in zip(references, (-0.3, 0.0, 0.3), strict=True)]
    _, low, high = residual_fraction(candidate, original, references)
    _, wide_low, wide_high = residual_fraction(candidate, original, moved)
    assert wide_high - wide_low > 2 * (high - low)


def test_the_same_seed_gives_the_same_interval() -> None:
    models = _models(np.random.default_rng(5), 0.2, 3)
    assert residual_fraction(*models, seed=1) == residual_fraction(*models, seed=1)


def test_the_unit_of_the_scores_does_not_matter() -> None:
    candidate, original, references = _models(np.random.default_rng(6), 0.2, 3)
    plain = residual_fraction(candidate, original, references)
    scaled = residual_fraction(
        3 * candidate + 7, 3 * original + 7, [3 * run + 7 for run in references]
    )
    assert scaled == pytest.approx(plain)


def test_without_a_gap_there_is_no_fraction() -> None:
    candidate, original, references = _models(np.random.default_rng(7), 0.0, 3, gap=0.0)
    with pytest.raises(NoGapError):
        residual_fraction(candidate, original, references)
    with pytest.raises(NoGapError):
        residual_fraction([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [[1.0, 1.0, 1.0]])


def test_scores_of_other_records_are_refused() -> None:
    with pytest.raises(ValueError, match="same order"):
        residual_fraction([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="at least one reference"):
        residual_fraction([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [])


def _twins(rng: np.random.Generator, drift: float) -> tuple[list[Floats], list[Floats]]:
    before = [rng.normal(-2 + rng.normal(0, 0.1), 0.6, RECORDS) for _ in range(12)]
    return [person + drift + rng.normal(0, 0.2, RECORDS) for person in before], before


@pytest.mark.parametrize("left", [0.0, 0.5])
def test_twins_of_the_same_model_stand_in_for_references(left: float) -> None:
    rng = np.random.default_rng(8)
    runs, covered = 200, 0
    for seed in range(runs):
        candidate, original, _ = _models(rng, left, 0, gap=4.0)
        after, before = _twins(rng, drift=-1.0)
        _, low, high = residual_fraction_against_twins(
            candidate - 1.0, original, after, before, seed=seed
        )
        covered += low <= left <= high
    assert covered / runs >= 0.90


def test_twins_show_when_the_original_never_memorised() -> None:
    rng = np.random.default_rng(9)
    after, before = _twins(rng, drift=0.0)
    scores = rng.normal(-2.5, 0.6, RECORDS)
    with pytest.raises(NoGapError):
        residual_fraction_against_twins(scores, scores, after, before)


def test_the_bootstrap_covers_the_mean_of_few_skewed_values() -> None:
    rng = np.random.default_rng(10)
    runs, covered = 300, 0
    for seed in range(runs):
        rows = rng.gamma(4.0, 0.25, (RECORDS, 1))
        _, low, high = bca_interval(
            rows, lambda part: part.mean(axis=-2)[..., 0], seed=seed, resamples=1000
        )
        covered += low <= 1.0 <= high
    assert covered / runs >= 0.91
