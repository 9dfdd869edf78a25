"""Text metrics against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.text import (
    exact_memorization,
    extraction_strength,
    forget_quality,
    model_utility,
    normalized_loss,
    privacy_leakage,
    rouge_recall,
    truth_ratio,
)

HITS = st.lists(st.booleans(), min_size=1, max_size=30)


def test_rouge_is_recall_of_the_reference_with_stemming() -> None:
    scores = rouge_recall("the patients were seen", "a patient was seen twice")
    assert scores["rouge1"] == pytest.approx(2 / 5)
    assert scores["rougeL"] == pytest.approx(2 / 5)
    assert rouge_recall("", "anything at all") == {"rouge1": 0.0, "rougeL": 0.0}


def test_rouge_l_keeps_the_order_and_rouge_1_does_not() -> None:
    scores = rouge_recall("three two one", "one two three")
    assert scores["rouge1"] == 1.0
    assert scores["rougeL"] == pytest.approx(1 / 3)


def test_the_truth_ratio_is_a_geometric_mean() -> None:
    assert truth_ratio(1.0, [1.0, 3.0]) == pytest.approx(np.exp(-1.0))
    assert truth_ratio(2.0, [2.0]) == 1.0


def test_the_normalised_loss_is_the_share_among_all_options() -> None:
    losses = [3.0, 1.0, 2.0]
    share = np.exp(-0.5) / (np.exp(-0.5) + np.exp(-np.array(losses)).sum())
    assert normalized_loss(0.5, losses) == pytest.approx(-np.log(share))


def test_forget_quality_is_the_exact_test_of_the_ratios() -> None:
    low = np.linspace(0.1, 0.4, 20)
    assert forget_quality(low, low) == (0.0, 1.0)
    statistic, p_value = forget_quality(low, low + 1.0)
    assert statistic == 1.0
    assert p_value == pytest.approx(1.45e-11, rel=1e-2)


def test_model_utility_takes_nine_numbers_by_name_or_in_a_row() -> None:
    values = [0.2, 0.4, 0.6, 0.8, 0.9, 0.5, 0.3, 0.7, 1.0]
    named = {str(index): value for index, value in enumerate(values)}
    assert (
        model_utility(named)
        == model_utility(values)
        == pytest.approx(9 / sum(1 / value for value in values))
    )


def test_privacy_leakage_is_negative_while_the_model_still_knows() -> None:
    assert privacy_leakage(1.0, 0.5) == -100.0
    assert privacy_leakage(0.5, 0.5) == 0.0
    assert privacy_leakage(0.0, 0.5) == 100.0


def test_privacy_leakage_gives_the_published_target_value() -> None:
    assert privacy_leakage(1 - 0.0009, 1 - 0.4772) == pytest.approx(-99.81, abs=0.01)


def test_privacy_leakage_against_a_reference_that_knows_everything_is_refused() -> None:
    with pytest.raises(ValueError, match="AUC"):
        privacy_leakage(0.5, 1.0)


@pytest.mark.parametrize(
    ("hits", "strength", "compat"),
    [
        ([True] * 4, 1.0, 1.0),
        ([False] * 4, 0.0, 0.25),
        ([True, True, True, False], 0.0, 0.25),
        ([False, True, True, True], 0.75, 0.75),
        ([True, False, True, True], 0.5, 0.5),
        ([False], 0.0, 1.0),
    ],
)
def test_extraction_strength_counts_the_suffix_that_follows_by_itself(
    hits: list[bool], strength: float, compat: float
) -> None:
    assert extraction_strength(hits) == strength
    assert extraction_strength(hits, compat=True) == compat


@given(HITS)
def test_extraction_strength_never_exceeds_exact_memorisation(hits: list[bool]) -> None:
    assert 0.0 <= extraction_strength(hits) <= exact_memorization(hits) + 1e-12 <= 1.0 + 1e-9


def test_an_answer_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="non-empty"):
        exact_memorization([])
