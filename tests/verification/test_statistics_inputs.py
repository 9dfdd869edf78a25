"""What the public statistics take, and what they refuse, for every kind of container."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from verification.statistics import (
    auc,
    clopper_pearson,
    harmonic_mean,
    holm,
    ks_two_sample,
    mann_whitney_equivalence,
    one_run_epsilon,
    residual_fraction,
    tpr_at_fpr,
)
from verification.text import (
    exact_memorization,
    extraction_strength,
    forget_quality,
    model_utility,
    normalized_loss,
    rouge_recall,
    truth_ratio,
)

Two = Callable[[Any, Any], Any]

TWO_SAMPLES: dict[str, Two] = {
    "auc": auc,
    "tpr_at_fpr": lambda x, y: tpr_at_fpr(x, y, 0.1),
    "ks_two_sample": ks_two_sample,
    "mann_whitney_equivalence": lambda x, y: mann_whitney_equivalence(x, y, 0.2),
    "one_run_epsilon": lambda x, y: one_run_epsilon(x, y, 0.0),
    "forget_quality": forget_quality,
}
CONTAINERS: dict[str, Callable[[list[int]], Iterable[float]]] = {
    "tuple": tuple,
    "generator": iter,
    "array": np.array,
    "small array": lambda values: np.array(values, dtype=np.float32),
    "whole numbers": lambda values: np.array(values, dtype=np.int64),
    "mapping's values": lambda values: dict(enumerate(values)).values(),
}
X, Y = [3, 1, 4, 1, 5, 9, 2, 6], [2, 7, 1, 8, 2, 8]


@pytest.mark.parametrize("name", TWO_SAMPLES)
@pytest.mark.parametrize("container", CONTAINERS)
def test_any_container_of_numbers_gives_the_same_answer(name: str, container: str) -> None:
    make, statistic = CONTAINERS[container], TWO_SAMPLES[name]
    assert statistic(make(X), make(Y)) == statistic(X, Y)


@pytest.mark.parametrize("name", TWO_SAMPLES)
@pytest.mark.parametrize(
    "bad", [[], [float("nan"), 1.0], [float("inf"), 1.0], [[1.0], [2.0]], None, "12", ["a"], 1.0]
)
def test_what_is_no_sample_is_refused_in_words(name: str, bad: Any) -> None:
    for x, y in ((bad, Y), (X, bad)):
        with pytest.raises(ValueError, match=r"must|needs|finite"):
            TWO_SAMPLES[name](x, y)


@pytest.mark.parametrize("name", ["auc", "tpr_at_fpr", "ks_two_sample", "one_run_epsilon"])
def test_one_value_on_each_side_is_enough_where_no_scatter_is_needed(name: str) -> None:
    assert TWO_SAMPLES[name]([2.0], [1.0]) is not None


def test_all_values_equal_say_nothing() -> None:
    same = [1.0] * 6
    assert auc(same, same) == 0.5
    assert tpr_at_fpr(same, same, 0.5) == 0.0
    assert ks_two_sample(same, same) == (0.0, 1.0)
    assert not mann_whitney_equivalence(same, same, 0.25).equivalent
    assert one_run_epsilon(same, same, 0.0) == 0.0


def test_many_records_are_no_trouble() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=60_000), rng.normal(size=60_000)
    assert auc(x, y) == pytest.approx(0.5, abs=0.01)
    assert mann_whitney_equivalence(x, y, 0.1).equivalent
    assert ks_two_sample(x, y)[1] == pytest.approx(stats.ks_2samp(x, y).pvalue, rel=1e-6)
    few = x[:3_000]
    _, low, high = residual_fraction(few, few + 2.0, [few + 0.01, few - 0.01])
    assert low <= 0.0 <= high


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
)
def test_with_ties_the_conditional_p_value_is_the_share_of_permutations(
    x: list[int], y: list[int]
) -> None:
    statistic, p_value = ks_two_sample(x, y, conditional=True)
    pooled = np.array([*x, *y])
    everyone = set(range(len(pooled)))
    steps = [
        _largest_step(pooled[list(drawn)], pooled[list(everyone - set(drawn))])
        for drawn in combinations(sorted(everyone), len(x))
    ]
    assert _largest_step(np.array(x), np.array(y)) == pytest.approx(statistic)
    assert p_value == pytest.approx(np.mean([step >= statistic - 1e-12 for step in steps]))
    assert p_value <= ks_two_sample(x, y)[1] + 1e-12


def _largest_step(x: NDArray[Any], y: NDArray[Any]) -> float:
    points = np.arange(4)[:, None]
    return float(np.abs((x <= points).mean(axis=1) - (y <= points).mean(axis=1)).max())


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=20),
    st.lists(st.integers(0, 5), min_size=2, max_size=20),
)
def test_the_published_convention_for_ties_is_scipys(x: list[int], y: list[int]) -> None:
    assume(set(x) != set(y))  # scipy gives up on a distance of 0
    expected = stats.ks_2samp(x, y, method="exact")
    statistic, p_value = ks_two_sample(x, y)
    assert statistic == pytest.approx(expected.statistic)
    assert p_value == pytest.approx(expected.pvalue)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.data())
def test_more_successes_never_lower_either_bound(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials - 1))
    low, high = clopper_pearson(successes, trials)
    next_low, next_high = clopper_pearson(successes + 1, trials)
    assert low <= successes / trials <= high
    assert low <= next_low
    assert high <= next_high


def test_the_interior_is_the_usual_two_sided_interval() -> None:
    expected = stats.binomtest(5, 20).proportion_ci(0.95, method="exact")
    assert clopper_pearson(5, 20) == pytest.approx((expected.low, expected.high))


def test_counts_may_be_numpy_integers_and_must_be_whole() -> None:
    counts: list[Any] = [np.int64(3), np.int32(20)]
    assert clopper_pearson(*counts) == clopper_pearson(3, 20)
    with pytest.raises(ValueError, match="whole numbers"):
        clopper_pearson(3.5, 20)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="between 0 and 1"):
        clopper_pearson(3, 20, 95)


def test_means_take_generators_and_the_tiniest_numbers() -> None:
    assert harmonic_mean(value for value in (1.0, 3.0)) == pytest.approx(1.5)
    assert harmonic_mean([1e-320, 1.0]) > 0.0
    assert model_utility(value for value in (0.5, 0.5)) == pytest.approx(0.5)
    assert holm(np.array([0.01, 0.02])) == [0.02, 0.02]
    for empty in (harmonic_mean, model_utility):
        with pytest.raises(ValueError, match="at least 1"):
            empty([])


def test_losses_that_are_not_numbers_are_refused_and_huge_ones_do_not_overflow() -> None:
    for formula in (truth_ratio, normalized_loss):
        for right, wrong in ((float("nan"), [1.0]), (1.0, [float("inf")]), (1.0, [])):
            with pytest.raises(ValueError, match=r"finite|at least"):
                formula(right, wrong)
    assert truth_ratio(1e6, [1.0]) > truth_ratio(600.0, [1.0]) > truth_ratio(1.0, (2.0, 3.0))
    assert truth_ratio(0.0, [1e6]) > 0.0


def test_hits_are_truths_of_any_container_and_nothing_else() -> None:
    containers: list[Any] = [[True, False, True], (1, 0, 1), np.array([1, 0, 1]), iter([1, 0, 1])]
    for hits in containers:
        assert extraction_strength(hits) == pytest.approx(1 / 3)
    assert exact_memorization(iter([True, False])) == 0.5
    with pytest.raises(ValueError, match="true or false"):
        exact_memorization([0.5, float("nan")])  # type: ignore[list-item]


def test_texts_may_be_empty() -> None:
    assert rouge_recall("", "") == {"rouge1": 0.0, "rougeL": 0.0}
    assert rouge_recall("a word", "") == {"rouge1": 0.0, "rougeL": 0.0}
