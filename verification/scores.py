"""Membership scores of one record, as pure functions of one cached forward pass.

Inputs are per-token numbers of the scored (answer) tokens: ``logprobs`` of the tokens that are
there, ``mu`` and ``sigma`` the mean and standard deviation of the log-probability under the
model's own next-token distribution. Orientation: higher means more evidence that the record is
still in the model.
"""

from __future__ import annotations

import math
import zlib

import numpy as np
from numpy.typing import ArrayLike

from verification.statistics.samples import Floats, sample

MIN_K_SHARE = 0.4
"""Share of least likely tokens that Min-K looks at; MUSE and OpenUnlearning use the same."""
SMALLEST_SIGMA = 1e-3
"""Floor of sigma in Min-K++: a variance below 1e-6 would blow a certain token out of scale."""
MEMBERSHIP_SCORES = ("loss", "zlib", "min_k", "min_k_plus_plus")


def loss_score(logprobs: ArrayLike) -> float:
    """Return the mean log-probability: the negative of the loss (Yeom et al. 2018)."""
    return float(_tokens(logprobs).mean())


def zlib_score(logprobs: ArrayLike, text: str) -> float:
    """Return the mean log-probability per byte of the compressed text (Carlini et al. 2021)."""
    return loss_score(logprobs) / len(zlib.compress(text.encode("utf-8")))


def min_k_score(logprobs: ArrayLike, share: float = MIN_K_SHARE) -> float:
    """Return the mean of the lowest ``share`` of log-probabilities (Shi et al. 2024).

    At least one token is always used, however short the answer.
    """
    return _lowest_mean(_tokens(logprobs), share)


def min_k_plus_plus_score(
    logprobs: ArrayLike, mu: ArrayLike, sigma: ArrayLike, share: float = MIN_K_SHARE
) -> float:
    """Return Min-K of the log-probabilities standardised by mu and sigma (Zhang et al. 2025)."""
    tokens, centre, scale = _tokens(logprobs), _tokens(mu), _tokens(sigma)
    if not tokens.size == centre.size == scale.size:
        message = "log-probabilities, mu and sigma must have one value per token"
        raise ValueError(message)
    return _lowest_mean((tokens - centre) / np.maximum(scale, SMALLEST_SIGMA), share)


def reference_score(logprobs: ArrayLike, reference_logprobs: ArrayLike) -> float:
    """Return loss(reference) - loss(model): text difficulty taken out (Carlini et al. 2022).

    The reference must not contain the person; the token counts may differ (other tokenizer).
    """
    return loss_score(logprobs) - loss_score(reference_logprobs)


def membership_scores(
    logprobs: ArrayLike, mu: ArrayLike, sigma: ArrayLike, text: str, share: float = MIN_K_SHARE
) -> dict[str, float]:
    """Return every score of :data:`MEMBERSHIP_SCORES` of one record."""
    return {
        "loss": loss_score(logprobs),
        "zlib": zlib_score(logprobs, text),
        "min_k": min_k_score(logprobs, share),
        "min_k_plus_plus": min_k_plus_plus_score(logprobs, mu, sigma, share),
    }


def _tokens(values: ArrayLike) -> Floats:
    return sample(values, "tokens")


def _lowest_mean(values: Floats, share: float) -> float:
    if not 0.0 < share <= 1.0:
        message = f"the share of tokens lies in (0, 1], not {share}"
        raise ValueError(message)
    count = max(1, math.floor(share * values.size))
    return float(np.partition(values, count - 1)[:count].mean())
