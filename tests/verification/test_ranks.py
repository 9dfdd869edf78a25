"""Rank statistics against brute force, published lattices and their own symmetries."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from verification.statistics import (
    auc,
    auc_interval,
    control_p_value,
    design_effect,
    ks_two_sample,
    leak_p_value,
    tpr_at_fpr,
)
from verification.statistics.ranks import _ks_outside

SCORES = st.lists(st.integers(-6, 6).map(float), min_size=1, max_size=12)


@given(SCORES, SCORES)
def test_auc_counts_wins_and_half_of_ties(x: list[float], y: list[float]) -> None:
    wins = sum((a > b) + (a == b) / 2 for a in x for b in y)
    assert auc(x, y) == pytest.approx(wins / (len(x) * len(y)))


@given(SCORES, SCORES)
def test_auc_of_swapped_samples_adds_up_to_one(x: list[float], y: list[float]) -> None:
    assert auc(x, y) + auc(y, x) == pytest.approx(1.0)


@given(SCORES, SCORES)
def test_auc_depends_on_order_alone(x: list[float], y: list[float]) -> None:
    assert auc(np.exp(x), np.exp(y)) == pytest.approx(auc(x, y))


@given(SCORES, SCORES)
def test_the_interval_holds_the_area_and_widens_with_the_design_effect(
    x: list[float], y: list[float]
) -> None:
    low, high = auc_interval(x, y)
    wide_low, wide_high = auc_interval(x, y, design_effect=1.5)
    assert 0.0 <= wide_low <= low <= auc(x, y) <= high <= wide_high <= 1.0


def test_complete_separation_still_leaves_uncertainty() -> None:
    low, high = auc_interval(np.arange(20) + 100.0, np.arange(50))
    assert high == 1.0
    assert 0.85 < low < 0.999


def test_the_interval_covers_the_true_area() -> None:
    rng = np.random.default_rng(11)
    truth = float(stats.norm.cdf(1 / np.sqrt(2)))
    covered = 0
    for _ in range(400):
        low, high = auc_interval(rng.normal(1, 1, 20), rng.normal(0, 1, 100))
        covered += low <= truth <= high
    assert 0.92 <= covered / 400 <= 0.99


def test_tpr_stops_strictly_below_the_allowed_rate() -> None:
    negatives = np.arange(10.0)
    positives = [9.5, 8.5, 8.5, 0.5]
    assert tpr_at_fpr(positives, negatives, 0.1) == 0.25
    assert tpr_at_fpr(positives, negatives, 0.1001) == 0.75
    assert tpr_at_fpr(positives, negatives, 1.1) == 1.0


def test_tpr_at_no_allowed_rate_is_zero() -> None:
    assert tpr_at_fpr([5.0], [1.0], 0.0) == 0.0


def test_a_tie_with_the_highest_twin_is_no_detection() -> None:
    assert tpr_at_fpr([1.0, 1.0], [1.0, 0.0], 0.5) == 0.0


@pytest.mark.parametrize(
    ("size", "steps", "p_value"),
    [
        (40, 17, 1.27e-3),
        (200, 78, 5.87e-14),
        (400, 149, 4.35e-25),
        (200, 200, 1.94e-119),
        (400, 400, 1.06e-239),
    ],
)
def test_ks_p_values_fall_on_the_published_lattice(size: int, steps: int, p_value: float) -> None:
    assert _ks_outside(size, size, steps * size) == pytest.approx(p_value, rel=5e-3)


@settings(max_examples=30)
@given(st.integers(2, 25), st.integers(2, 25), st.integers(0, 2**32 - 1))
def test_ks_agrees_with_the_exact_reference(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n), rng.normal(0.5, 1, size=m)
    expected = stats.ks_2samp(x, y, method="exact")
    statistic, p_value = ks_two_sample(x, y)
    assert statistic == pytest.approx(expected.statistic)
    assert p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_ks_of_identical_samples_is_certain() -> None:
    assert ks_two_sample([1.0, 2.0], [1.0, 2.0]) == (0.0, 1.0)


def test_ks_does_not_care_whether_a_ratio_is_turned_over() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.lognormal(size=40), rng.lognormal(0.4, 1, size=40)
    assert ks_two_sample(x, y) == pytest.approx(ks_two_sample(1 / x, 1 / y))


@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=4),
    st.lists(st.integers(0, 4), min_size=2, max_size=5),
)
def test_the_leak_test_is_the_exact_permutation_test(x: list[int], y: list[int]) -> None:
    ranks = stats.rankdata([*x, *y])
    observed = ranks[: len(x)].sum()
    sums = [sum(part) for part in combinations(ranks, len(x))]
    expected = np.mean([value >= observed - 1e-9 for value in sums])
    assert leak_p_value(x, y) == pytest.approx(expected)


def test_the_smallest_attainable_leak_p_values_are_the_known_ones() -> None:
    assert leak_p_value([5, 6, 7], np.arange(-18, 1)) == pytest.approx(6.5e-4, rel=1e-2)
    assert leak_p_value(np.arange(20) + 99, np.arange(20)) == pytest.approx(7.3e-12, rel=1e-2)


def test_a_large_leak_test_agrees_with_the_normal_limit() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(0.2, 1, 300), rng.normal(0, 1, 400)
    limit = stats.mannwhitneyu(x, y, alternative="greater", method="asymptotic").pvalue
    assert leak_p_value(x, y) == pytest.approx(limit, rel=1e-6)


def test_clustered_records_make_the_leak_test_more_careful() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(0.6, 1, 20), rng.normal(0, 1, 200)
    assert leak_p_value(x, y, design_effect=1.5) > leak_p_value(x, y)


def test_scores_that_are_all_equal_leak_nothing() -> None:
    assert leak_p_value([1, 1, 1], [1, 1]) == 1.0
    assert leak_p_value([1, 1, 1], [1, 1], design_effect=2.0) == 1.0


def test_nineteen_controls_are_needed_for_five_percent() -> None:
    assert control_p_value(9.0, np.zeros(19)) == pytest.approx(0.05)
    assert control_p_value(0.0, np.zeros(99)) == 1.0


def test_independent_records_have_no_design_effect_and_clustered_ones_do() -> None:
    rng = np.random.default_rng(7)
    independent = [design_effect([rng.normal(size=20) for _ in range(16)]) for _ in range(30)]
    clustered = [
        design_effect([rng.normal(rng.normal(0, 0.6), 1, size=20) for _ in range(16)])
        for _ in range(30)
    ]
    assert 1.0 <= np.mean(independent) < 1.2
    assert 2.0 < np.mean(clustered) < 3.2


def test_one_control_person_gives_no_design_effect() -> None:
    with pytest.raises(ValueError, match="at least two"):
        design_effect([[1.0, 2.0]])


@pytest.mark.parametrize("bad", [[], [float("nan")], [float("inf")], [[1.0], [2.0]]])
def test_scores_that_are_missing_or_not_finite_are_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="positives"):
        auc(bad, [1.0])
