"""Bounds on proportions, one-run audits and corrections against known answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from verification.statistics import (
    clopper_pearson,
    harmonic_mean,
    holm,
    one_run_epsilon,
    one_run_p_value,
)

P_VALUES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12)


@pytest.mark.parametrize(("trials", "upper"), [(20, 0.139), (59, 0.0495), (299, 0.00997)])
def test_nothing_found_bounds_the_share_as_published(trials: int, upper: float) -> None:
    low, high = clopper_pearson(0, trials)
    assert low == 0.0
    assert high == pytest.approx(upper, rel=2e-3)


def test_the_bounds_of_all_mirror_those_of_none() -> None:
    assert clopper_pearson(20, 20)[0] == pytest.approx(1 - clopper_pearson(0, 20)[1])


@given(st.integers(2, 200), st.data())
def test_interior_bounds_are_the_exact_two_sided_ones(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(1, trials - 1))
    low, high = clopper_pearson(successes, trials)
    assert stats.binom.sf(successes - 1, trials, low) == pytest.approx(0.025, abs=1e-6)
    assert stats.binom.cdf(successes, trials, high) == pytest.approx(0.025, abs=1e-6)


@pytest.mark.parametrize(("successes", "trials"), [(-1, 5), (6, 5), (0, 0)])
def test_impossible_counts_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        clopper_pearson(successes, trials)


def test_holm_gives_the_textbook_adjustment() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(P_VALUES)
def test_holm_never_lowers_a_p_value_and_never_exceeds_bonferroni(values: list[float]) -> None:
    adjusted = holm(values)
    for before, after in zip(values, adjusted, strict=True):
        assert before <= after <= min(1.0, before * len(values)) or after == max(
            a for a, b in zip(adjusted, values, strict=True) if b <= before
        )


@given(P_VALUES, st.randoms())
def test_holm_does_not_depend_on_the_order_of_the_questions(
    values: list[float], random: object
) -> None:
    assert sorted(holm(values)) == pytest.approx(sorted(holm(values[::-1])))


def test_holm_refuses_what_is_no_p_value() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, float("nan")])


@pytest.mark.parametrize(
    ("guesses", "epsilon"), [(10, 1.05), (20, 1.82), (40, 2.55), (100, 3.49), (200, 4.19)]
)
def test_perfect_guesses_reach_the_known_ceilings(guesses: int, epsilon: float) -> None:
    rng = np.random.default_rng(guesses)
    inside, outside = rng.normal(20, 1, guesses // 2), rng.normal(0, 1, guesses // 2)
    assert one_run_epsilon(inside, outside, 0.0) == pytest.approx(epsilon, abs=6e-3)


def test_imperfect_guesses_bound_epsilon_as_known() -> None:
    assert one_run_epsilon([1] * 8 + [0] * 2, [1] * 3 + [0] * 7, 0.0) == pytest.approx(
        0.18, abs=5e-3
    )
    assert one_run_epsilon([1] * 30 + [0] * 20, [1] * 20 + [0] * 30, 0.0) == pytest.approx(
        0.05, abs=5e-3
    )


def test_a_model_without_memory_is_rarely_accused() -> None:
    rng = np.random.default_rng(0)
    runs, accused = 600, 0
    for _ in range(runs):
        coins = rng.random(60) < 0.5
        scores = rng.normal(size=60)
        accused += one_run_epsilon(scores[coins], scores[~coins], 0.0) > 0.0
    assert accused / runs <= 0.08


def test_randomised_response_is_not_accused_of_more_than_its_epsilon() -> None:
    rng = np.random.default_rng(1)
    epsilon, runs, exceeded = 1.0, 300, 0
    for _ in range(runs):
        coins = rng.random(100) < 0.5
        told = np.where(rng.random(100) < 1 / (1 + np.exp(-epsilon)), coins, ~coins)
        exceeded += one_run_epsilon(told[coins], told[~coins], 0.0) > epsilon
    assert exceeded / runs <= 0.08


def test_coins_that_fell_unevenly_do_not_hide_a_perfect_attack() -> None:
    rng = np.random.default_rng(5)
    inside, outside = rng.normal(20, 1, 57), rng.normal(0, 1, 43)
    assert one_run_epsilon(inside, outside, 0.0) == pytest.approx(3.49, abs=0.01)


def test_a_failure_probability_weakens_the_bound() -> None:
    inside, outside = np.full(100, 5.0), np.zeros(100)
    bounds = [one_run_epsilon(inside, outside, delta) for delta in (0.0, 1e-5, 1e-3)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] > bounds[2] > 0.0


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_scores_that_say_nothing_or_the_opposite_give_zero(score: float) -> None:
    assert one_run_epsilon(np.full(50, score), np.ones(50), 0.0) == 0.0


def test_more_right_guesses_than_guesses_are_refused() -> None:
    with pytest.raises(ValueError, match="does not hold"):
        one_run_p_value(5, 4, 10, 1.0)


@given(st.lists(st.floats(1e-3, 1.0), min_size=1, max_size=9))
def test_the_harmonic_mean_lies_between_the_smallest_and_the_arithmetic_mean(
    values: list[float],
) -> None:
    assert min(values) - 1e-9 <= harmonic_mean(values) <= np.mean(values) + 1e-9


def test_one_lost_component_makes_the_harmonic_mean_zero() -> None:
    assert harmonic_mean([0.9, 0.0, 0.8]) == 0.0
    with pytest.raises(ValueError, match="non-negative"):
        harmonic_mean([0.5, -0.5])
