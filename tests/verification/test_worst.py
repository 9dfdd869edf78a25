"""Looking for the worst of many wordings is paid for, and a rising curve is told from noise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from verification.statistics import page_trend, worst_column_p_value

PEOPLE, EACH, OWN, COLUMNS = 12, 4, 24, 12


def drawn(rng: np.random.Generator, shift: float = 0.0) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return scores in many wordings that share most of their noise, as wordings of a fact do."""

    def some(count: int) -> np.ndarray:
        return rng.normal(size=(count, 1)) + 0.7 * rng.normal(size=(count, COLUMNS))

    own = some(OWN)
    own[:, 3] += shift
    return own, [some(EACH) for _ in range(PEOPLE)]


def test_picking_the_worst_wording_finds_a_stranger_no_oftener_than_promised() -> None:
    rng = np.random.default_rng(5)
    p_values, naive = [], []
    for _ in range(150):
        own, groups = drawn(rng)
        p_values.append(worst_column_p_value(own, groups, draws=199))
        pool = np.concatenate(groups)
        naive.append(stats.mannwhitneyu(own, pool, alternative="greater").pvalue.min())
    assert np.mean(np.array(p_values) <= 0.05) <= 0.08
    assert np.mean(np.array(naive) <= 0.05) > 0.10  # what would happen without it


def test_one_leaking_wording_among_many_is_found() -> None:
    rng = np.random.default_rng(6)
    found = [worst_column_p_value(*drawn(rng, 2.0), draws=999) for _ in range(20)]
    assert np.median(found) < 0.01


def test_without_wordings_or_differences_nothing_is_claimed() -> None:
    flat = np.ones((5, 3))
    assert worst_column_p_value(flat, [flat, flat]) == 1.0
    missing = np.full((5, 3), np.nan)
    assert worst_column_p_value(missing, [missing, missing]) == 1.0


def test_unasked_wordings_neither_help_nor_harm() -> None:
    own, groups = drawn(np.random.default_rng(7), 2.5)
    hollow = [np.concatenate([g, np.full((len(g), 1), np.nan)], axis=1) for g in groups]
    wider = np.concatenate([own, np.full((len(own), 1), np.nan)], axis=1)
    plain = worst_column_p_value(own, groups)
    assert worst_column_p_value(wider, hollow) == plain
    half = own.copy()
    half[::2, 3] = np.nan
    assert worst_column_p_value(half, groups) < 0.05


def test_the_smallest_p_value_is_one_of_all_draws() -> None:
    own = np.full((4, 1), 9.0) + np.arange(4)[:, None]
    groups = [np.arange(4.0)[:, None] * part for part in (0.5, 0.7, 0.9, 0.8, 0.6)]
    assert worst_column_p_value(own, groups, draws=99) >= 0.01


def test_pages_trend_has_mean_zero_and_unit_spread_over_all_orders() -> None:
    orders = np.array(list(itertools.permutations(range(5))), dtype=float)
    trend = page_trend(orders)
    assert trend.mean() == pytest.approx(0.0, abs=1e-12) and trend.std() == pytest.approx(1.0)
    assert page_trend([[1, 2, 3, 4, 5]]) == trend.max() == -page_trend([[5, 4, 3, 2, 1]])
    assert page_trend([[2, 2, 2]]) == 0.0
    with pytest.raises(ValueError, match="two steps"):
        page_trend([[1.0]])
