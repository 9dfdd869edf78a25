"""The equivalence test holds its level where the samples really differ by the margin."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from verification.statistics import (
    design_effect,
    mann_whitney_equivalence,
    mann_whitney_equivalence_power,
)
from verification.statistics.samples import Floats

Draw = Callable[[np.random.Generator, int, float], Floats]
TWINS = 200
RUNS = 500

TEXTBOOK_X = [10.3, 11.3, 2.0, -6.1, 6.2, 6.8, 3.7, -3.3, -3.6, -3.5, 13.7, 12.6]
TEXTBOOK_Y = [3.3, 17.7, 6.7, 11.1, -5.8, 6.9, 5.8, 3.0, 6.0, 3.5, 18.7, 9.6]


def _shifted(spread: float, sign: int = 1) -> Draw:
    def draw(rng: np.random.Generator, size: int, margin: float) -> Floats:
        centre = sign * np.sqrt(1 + spread**2) * stats.norm.ppf(0.5 + margin)
        return rng.normal(centre, spread, size)

    return draw


def _partly_leaked(rng: np.random.Generator, size: int, margin: float) -> Floats:
    leaked = rng.random(size) < 2 * margin
    return np.where(leaked, 100.0, 0.0) + rng.normal(size=size)


@pytest.mark.parametrize(
    "draw",
    [_shifted(1.0), _shifted(1.0, -1), _shifted(3.0), _shifted(0.2), _partly_leaked],
    ids=["shifted up", "shifted down", "wider", "narrower", "a part leaked whole"],
)
@pytest.mark.parametrize(("records", "margin"), [(9, 0.30), (20, 0.25), (40, 0.20)])
def test_a_model_at_the_margin_passes_in_about_one_of_twenty(
    draw: Draw, records: int, margin: float
) -> None:
    rng = np.random.default_rng(records)
    passed = sum(
        mann_whitney_equivalence(
            draw(rng, records, margin), rng.normal(size=TWINS), margin
        ).equivalent
        for _ in range(RUNS)
    )
    # 0.05 + three standard errors of 500 runs.
    assert passed / RUNS <= 0.08


def test_the_design_effect_of_the_twins_holds_the_level_for_clustered_persons() -> None:
    rng = np.random.default_rng(1)
    spread, margin = 0.5, 0.25
    centre = np.sqrt(2 * (1 + spread**2)) * stats.norm.ppf(0.5 + margin)
    naive = careful = 0
    for _ in range(RUNS):
        own = rng.normal(centre + rng.normal(0, spread), 1, 24)
        persons = [rng.normal(rng.normal(0, spread), 1, 24) for _ in range(12)]
        twins, effect = np.concatenate(persons), design_effect(persons)
        naive += mann_whitney_equivalence(own, twins, margin).equivalent
        careful += mann_whitney_equivalence(own, twins, margin, design_effect=effect).equivalent
    assert naive / RUNS > 0.10
    assert careful / RUNS <= 0.08


@pytest.mark.parametrize(
    ("records", "twins", "margin", "known"),
    [(10, 100, 0.25, 0.71), (20, 100, 0.20, 0.77), (20, 280, 0.25, 0.98), (50, 200, 0.15, 0.91)],
)
def test_the_power_formula_agrees_with_simulation_and_with_known_values(
    records: int, twins: int, margin: float, known: float
) -> None:
    rng = np.random.default_rng(9)
    passed = sum(
        mann_whitney_equivalence(
            rng.normal(size=records), rng.normal(size=twins), margin
        ).equivalent
        for _ in range(RUNS)
    )
    power = mann_whitney_equivalence_power(records, twins, margin)
    assert power == pytest.approx(passed / RUNS, abs=0.08)
    assert power == pytest.approx(known, abs=0.06)


def test_a_narrow_margin_is_out_of_reach_for_twenty_records() -> None:
    assert mann_whitney_equivalence_power(20, 280, 0.10) < 0.2
    assert mann_whitney_equivalence_power(100, 500, 0.10) > 0.8


def test_the_textbook_example_is_not_equivalent() -> None:
    result = mann_whitney_equivalence(TEXTBOOK_X, TEXTBOOK_Y, 0.2)
    wins = np.greater.outer(TEXTBOOK_X, TEXTBOOK_Y).mean()
    assert result.auc == pytest.approx(wins)
    assert result.sigma == pytest.approx(0.1113279, abs=1e-6)
    assert not result.equivalent


def test_the_decision_is_that_of_the_noncentral_chi_square() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        x, y = rng.normal(0.3, 1, 20), rng.normal(size=60)
        result = mann_whitney_equivalence(x, y, 0.25)
        critical = np.sqrt(stats.ncx2.ppf(0.05, 1, (0.25 / result.sigma) ** 2))
        assert result.equivalent == (abs(result.auc - 0.5) / result.sigma < critical)


def test_over_forgetting_is_as_inequivalent_as_a_leak() -> None:
    rng = np.random.default_rng(6)
    x, y = rng.normal(3, 1, 30), rng.normal(size=100)
    up, down = mann_whitney_equivalence(x, y, 0.25), mann_whitney_equivalence(-x, -y, 0.25)
    assert up.p_value == pytest.approx(down.p_value)
    assert not up.equivalent and not down.equivalent


@pytest.mark.parametrize("x", [[5.0] * 20, [100.0] * 20, [-100.0] * 20])
def test_scores_without_spread_are_never_called_equivalent(x: list[float]) -> None:
    twins = [5.0] * 40
    result = mann_whitney_equivalence(x, twins, 0.25)
    assert result.p_value == 1.0
    assert not result.equivalent


def test_ties_count_half_and_do_not_break_the_test() -> None:
    rng = np.random.default_rng(8)
    x, y = rng.integers(0, 4, 60).astype(float), rng.integers(0, 4, 300).astype(float)
    assert mann_whitney_equivalence(x, y, 0.25).equivalent


@pytest.mark.parametrize("margin", [0.0, 0.5, -0.1, 1.0])
def test_a_margin_that_excludes_nothing_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        mann_whitney_equivalence([1.0, 2.0], [1.0, 2.0], margin)
