"""Membership scores of one record, as pure functions of what its forward passes gave.

Inputs are per-token numbers of the scored (answer) tokens: ``logprobs`` of the tokens that are
there, ``mu`` and ``sigma`` the mean and standard deviation of the log-probability under the
model's own next-token distribution. Orientation: higher means more evidence that the record is
still in the model. Scores that need shadow models are in :mod:`verification.ratios`.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from verification.statistics.samples import Floats, sample

MIN_K_SHARE = 0.4
"""Share of least likely tokens that Min-K looks at; MUSE and OpenUnlearning use the same."""
SMALLEST_SIGMA = 1e-3
"""Floor of sigma in Min-K++: a variance below 1e-6 would blow a certain token out of scale."""
SMALLEST_LOSS = 1e-6
"""Floor of a loss that is divided by: an answer known by heart has none."""
FREQUENCY_CLIP = 0.01
"""Cap of one token's contribution to DC-PDD, as published."""
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


def gradient_norm_score(norms: ArrayLike) -> float:
    """Return minus the mean over parameter tensors of their gradients' 2-norms.

    A record that was trained on pulls less (Nasr et al. 2019; as in OpenUnlearning): the mean of
    the tensors' norms, not the norm of all parameters together.
    """
    return -float(sample(norms, "gradient norms").mean())


def recall_score(logprobs: ArrayLike, prefixed_logprobs: ArrayLike) -> float:
    """Return LL(answer | non-member prefix) / LL(answer) (Xie et al. 2024, arXiv 2406.15968).

    A strange prefix hurts what is remembered more than what is merely plausible.
    """
    return loss_score(prefixed_logprobs) / min(loss_score(logprobs), -SMALLEST_LOSS)


def neighbourhood_score(logprobs: ArrayLike, copies: Sequence[ArrayLike]) -> float:
    """Return mean loss of perturbed copies - loss (Mattern et al. 2023, arXiv 2305.18462)."""
    if not copies:
        message = "the neighbourhood needs at least one perturbed copy"
        raise ValueError(message)
    return loss_score(logprobs) - sum(map(loss_score, copies)) / len(copies)


def dc_pdd_score(
    logprobs: ArrayLike,
    tokens: Sequence[int],
    frequency: Callable[[int], float],
    clip: float = FREQUENCY_CLIP,
) -> float:
    """Return the mean of min(-p log frequency, clip) over first occurrences of tokens.

    Divergence from what is common anyway (Zhang et al. 2024, arXiv 2409.14781). ``frequency``
    is a token's share of a corpus without the person, above 0.
    """
    probabilities = np.exp(_tokens(logprobs))
    if probabilities.size != len(tokens):
        message = "there must be one log-probability per token"
        raise ValueError(message)
    first = {token: place for place, token in reversed(list(enumerate(tokens)))}
    parts = [
        min(-probabilities[place] * math.log(frequency(t)), clip) for t, place in first.items()
    ]
    return float(np.mean(parts))


def priv_leak(area: float, reference_area: float = 0.5) -> float:
    """Return MUSE's PrivLeak in percent: 0 like the reference, negative when the records show.

    100 (A - A_r) / A_r with A = 1 - AUC (Shi et al. 2024, arXiv 2407.06460); ``area`` is the
    member-oriented AUC of Min-40 %. Without a retrained reference its AUC is taken to be 0.5.
    """
    base = 1.0 - reference_area
    if base <= 0.0:
        message = "PrivLeak is not defined when the reference itself tells every record"
        raise ValueError(message)
    return 100.0 * ((1.0 - area) - base) / base


def privacy_score(area: float, reference_area: float = 0.5) -> float:
    """Return OpenUnlearning's clip(1 - |AUC - AUC_r| / AUC_r, 0, 1): 1 is like the reference."""
    if reference_area <= 0.0:
        message = "the reference's AUC must be above 0"
        raise ValueError(message)
    return min(max(1.0 - abs(area - reference_area) / reference_area, 0.0), 1.0)


def _tokens(values: ArrayLike) -> Floats:
    return sample(values, "tokens")


def _lowest_mean(values: Floats, share: float) -> float:
    if not 0.0 < share <= 1.0:
        message = f"the share of tokens lies in (0, 1], not {share}"
        raise ValueError(message)
    count = max(1, math.floor(share * values.size))
    return float(np.partition(values, count - 1)[:count].mean())
