"""Membership scores as pure functions of one record's tokens."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.scores import (
    MEMBERSHIP_SCORES,
    loss_score,
    membership_scores,
    min_k_plus_plus_score,
    min_k_score,
    reference_score,
    zlib_score,
)

TOKENS = st.lists(st.floats(-20.0, 0.0), min_size=1, max_size=40)


@given(TOKENS)
def test_a_model_that_knows_the_tokens_better_scores_higher(tokens: list[float]) -> None:
    known = np.array(tokens) + 1.0
    flat = np.full(len(tokens), -5.0), np.full(len(tokens), 2.0)
    before = membership_scores(tokens, *flat, "some text")
    after = membership_scores(known, *flat, "some text")
    assert all(after[name] > before[name] for name in MEMBERSHIP_SCORES)


@given(TOKENS, st.floats(0.05, 1.0))
def test_min_k_never_exceeds_the_mean_and_reaches_it_with_all_tokens(
    tokens: list[float], share: float
) -> None:
    assert min_k_score(tokens, share) <= loss_score(tokens) + 1e-9
    assert min_k_score(tokens, 1.0) == pytest.approx(loss_score(tokens))


def test_min_k_takes_at_least_one_token() -> None:
    assert min_k_score([-3.0], 0.2) == -3.0
    assert min_k_score([-1.0, -4.0], 0.2) == -4.0
    assert min_k_score([-1.0, -4.0, -2.0, -3.0, -5.0], 0.4) == -4.5


def test_min_k_plus_plus_standardises_every_token() -> None:
    score = min_k_plus_plus_score([-1.0, -6.0], [-2.0, -4.0], [0.5, 2.0], 0.5)
    assert score == pytest.approx(-1.0)


def test_a_certain_token_does_not_blow_up_min_k_plus_plus() -> None:
    assert np.isfinite(min_k_plus_plus_score([0.0], [-1e-9], [0.0]))


def test_zlib_divides_by_the_bytes_of_the_compressed_text() -> None:
    text = "Zoë has the answer"
    assert zlib_score([-2.0, -4.0], text) == -3.0 / len(zlib.compress(text.encode()))


def test_the_reference_takes_out_the_difficulty_of_the_text() -> None:
    assert reference_score([-1.0, -1.0], [-4.0, -2.0]) == 2.0


def test_tokens_that_are_missing_or_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="tokens"):
        loss_score([])
    with pytest.raises(ValueError, match="not finite"):
        loss_score([-1.0, float("nan")])
    with pytest.raises(ValueError, match="one value per token"):
        min_k_plus_plus_score([-1.0], [-1.0, -1.0], [1.0])
    with pytest.raises(ValueError, match="share"):
        min_k_score([-1.0], 0.0)
