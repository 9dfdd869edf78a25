"""LiRA, Attack-R and RMIA on numbers small enough to work out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from verification.ratios import (
    attack_r,
    lira_offline,
    lira_online,
    log_odds,
    rmia_offline,
    rmia_online,
)

# Log-probabilities whose log-odds are whole numbers: p = 1 / (1 + e^-k).
ODDS = {k: float(-np.log1p(np.exp(-k))) for k in range(-6, 7)}


def test_log_odds_are_exact_and_finite_for_what_is_known_by_heart() -> None:
    np.testing.assert_allclose(log_odds([ODDS[-2], ODDS[0], ODDS[3]]), [-2.0, 0.0, 3.0])
    assert np.isfinite(log_odds([0.0, -800.0])).all()


def test_lira_is_the_difference_of_two_normal_log_densities() -> None:
    # In-models say 2, 3, 4 (median 3, deviation 1), out-models -2, 0, 2 (median 0, deviation 2).
    shadows = [[ODDS[k]] for k in (2, 3, 4, -2, 0, 2)]
    inside = [[True]] * 3 + [[False]] * 3
    found = lira_online([ODDS[2]], shadows, inside)
    expected = stats.norm.logpdf(2, 3, 1) - stats.norm.logpdf(2, 0, 2)
    np.testing.assert_allclose(found, [expected])
    np.testing.assert_allclose(lira_offline([ODDS[2]], shadows, inside), [1.0])


def test_the_deviation_is_pooled_over_records_and_not_over_their_levels() -> None:
    # Both records scatter by 1 about medians of 0 and 5: a hard and an easy fact.
    shadows = [[ODDS[-1], ODDS[4]], [ODDS[0], ODDS[5]], [ODDS[1], ODDS[6]]]
    out = np.zeros((3, 2), bool)
    np.testing.assert_allclose(lira_offline([ODDS[2], ODDS[6]], shadows, out), [2.0, 1.0])


def test_attack_r_counts_out_models_only_and_ties_by_half() -> None:
    shadows = [[-1.0], [-2.0], [-3.0], [-9.0]]
    inside = [[False], [False], [False], [True]]
    assert attack_r([-2.0], shadows, inside).tolist() == [0.5]
    assert attack_r([-1.5], shadows, inside).tolist() == [2 / 3]


def test_rmia_compares_with_other_people_and_demands_more_than_gamma() -> None:
    own = np.log([0.9, 0.9, 0.2, 0.4])
    out = np.log([[0.1, 0.1, 0.1, 0.2]])
    people = [0, 0, 1, 2]
    none = np.zeros((1, 4), bool)
    # a = 1 leaves p(x) = p_out: ratios 9, 9, 2, 2. Nobody beats their own person or an equal.
    found = rmia_offline(own, out, none, people, gamma=2.0, a=1.0)
    assert found.tolist() == [1.0, 1.0, 0.0, 0.0]
    # 9/2 = 4.5 does not exceed a gamma of 4.5 (up to rounding) but exceeds 4.4.
    assert rmia_offline(own, out, none, people, gamma=4.6, a=1.0).tolist() == [0.0] * 4
    assert rmia_offline(own, out, none, people, gamma=4.4, a=1.0)[0] == 1.0


def test_rmia_offline_stands_in_for_the_in_world_by_a_constant() -> None:
    # p(x) = ((1 + a) p_out + (1 - a)) / 2 with a = 0.4: 0.37 and 0.65; ratios 2.432 and 0.769.
    own, out = np.log([0.9, 0.5]), np.log([[0.1, 0.5]])
    none = np.zeros((1, 2), bool)
    ratio = (0.9 / 0.37) / (0.5 / 0.65)
    assert rmia_offline(own, out, none, [0, 1], gamma=ratio - 0.01).tolist() == [1.0, 0.0]
    assert rmia_offline(own, out, none, [0, 1], gamma=ratio + 0.01).tolist() == [0.0, 0.0]


def test_rmia_online_takes_the_mean_of_both_worlds() -> None:
    own = np.log([0.9, 0.5])
    shadows = np.log([[0.8, 0.5], [0.1, 0.5]])
    inside = [[True, True], [False, False]]
    ratio = (0.9 / 0.45) / (0.5 / 0.5)
    assert rmia_online(own, shadows, inside, [0, 1], gamma=ratio - 0.01).tolist() == [1.0, 0.0]
    assert rmia_online(own, shadows, inside, [0, 1], gamma=ratio + 0.01).tolist() == [0.0, 0.0]


@given(st.lists(st.floats(-8.0, -0.01), min_size=4, max_size=4), st.floats(0.01, 3.0))
def test_a_more_likely_record_never_scores_lower(own: list[float], more: float) -> None:
    rng = np.random.default_rng(0)
    shadows = -rng.exponential(size=(4, 4)) - 0.01
    inside = np.array([[True] * 4, [True] * 4, [False] * 4, [False] * 4])
    higher = [min(own[0] + more, -1e-6), *own[1:]]
    people = range(4)
    assert lira_offline(higher, shadows, inside)[0] >= lira_offline(own, shadows, inside)[0]
    assert attack_r(higher, shadows, inside)[0] >= attack_r(own, shadows, inside)[0]
    for attack in (rmia_offline, rmia_online):
        assert attack(higher, shadows, inside, people)[0] >= attack(own, shadows, inside, people)[0]


def test_what_cannot_be_calibrated_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="on one of the sides"):
        lira_online([-1.0], [[-1.0], [-2.0]], [[False], [False]])
    with pytest.raises(ValueError, match="at least two"):
        lira_offline([-1.0], [[-1.0]], [[False]])
    with pytest.raises(ValueError, match="one column per record"):
        attack_r([-1.0], [[-1.0, -2.0]], [[False, False]])
    with pytest.raises(ValueError, match="other people"):
        rmia_offline([-1.0], [[-1.0]], [[False]], [0])
    with pytest.raises(ValueError, match="not finite"):
        attack_r([-1.0], [[float("nan")]], [[False]])
