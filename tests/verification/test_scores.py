"""Membership scores as pure functions of one record's tokens."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.scores import (
    MEMBERSHIP_SCORES,
    dc_pdd_score,
    gradient_norm_score,
    loss_score,
    membership_scores,
    min_k_plus_plus_score,
    min_k_score,
    neighbourhood_score,
    priv_leak,
    privacy_score,
    recall_score,
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


def test_the_gradient_score_is_minus_the_mean_of_the_tensors_norms() -> None:
    assert gradient_norm_score([3.0, 1.0]) == -2.0
    with pytest.raises(ValueError, match="gradient norms"):
        gradient_norm_score([])


def test_recall_is_the_ratio_of_both_log_likelihoods() -> None:
    assert recall_score([-1.0, -3.0], [-2.0, -4.0]) == 1.5
    # An answer known by heart has no loss to divide by: the ratio stays finite.
    assert recall_score([0.0], [-1.0]) == pytest.approx(1e6)


def test_the_neighbourhood_is_how_much_better_the_record_is_than_its_copies() -> None:
    assert neighbourhood_score([-1.0], [[-2.0, -4.0], [-5.0]]) == 3.0
    with pytest.raises(ValueError, match="at least one"):
        neighbourhood_score([-1.0], [])


def test_dc_pdd_counts_a_token_once_and_caps_it() -> None:
    # Token 7 stands twice, its first place counts: p = 0.001, frequency e^-2: 0.002.
    # Token 8: p = 1 would count 3, and is capped.
    logprobs = [np.log(0.001), 0.0, 0.0]
    score = dc_pdd_score(logprobs, [7, 8, 7], {7: np.exp(-2.0), 8: np.exp(-3.0)}.__getitem__)
    assert score == pytest.approx((0.002 + 0.01) / 2)
    with pytest.raises(ValueError, match="one log-probability"):
        dc_pdd_score([-1.0], [1, 2], lambda _: 0.5)


def test_priv_leak_reproduces_the_published_targets() -> None:
    # MUSE: retrained models' A_r is 0.4772 on News and 0.5393 on Books; a target model that
    # tells every record would be at -100, the published ones are at -99.81 and -57.26.
    assert priv_leak(1.0 - 0.4772, 1.0 - 0.4772) == pytest.approx(0.0)
    assert priv_leak(1.0) == -100.0 and priv_leak(0.5) == 0.0
    assert priv_leak(1.0 - 0.4772 * (1 - 0.9981), 1 - 0.4772) == pytest.approx(-99.81)
    assert priv_leak(0.0, 1.0 - 0.5393) == pytest.approx(100 * (1 / 0.5393 - 1))
    with pytest.raises(ValueError, match="not defined"):
        priv_leak(0.5, 1.0)


def test_the_privacy_score_loses_on_both_sides_of_the_reference() -> None:
    assert privacy_score(0.5) == 1.0
    assert privacy_score(0.6) == pytest.approx(0.8) == pytest.approx(privacy_score(0.4))
    assert privacy_score(1.0, 0.4) == 0.0
