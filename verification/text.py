"""Metrics of generated text and answer probabilities, by the definitions the field publishes.

TOFU: Maini et al. 2024 (arXiv 2401.06121); MUSE: Shi et al. 2024 (arXiv 2407.06460); extraction
strength and exact memorisation: Carlini et al. 2021 and Tirumala et al. 2022, as used by
OpenUnlearning (arXiv 2506.12618). Losses are mean negative log-likelihoods per token, in nats.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rouge_score.rouge_scorer import RougeScorer

from verification.statistics import harmonic_mean, ks_two_sample
from verification.statistics.samples import Values, sample

_LARGEST_EXPONENT = 700.0
"""Beyond it ``exp`` overflows; a ratio held there still ranks above (or below) all others."""


@lru_cache(maxsize=1)
def _scorer() -> RougeScorer:
    return RougeScorer(["rouge1", "rougeL"], use_stemmer=True)


def rouge_recall(prediction: str, reference: str) -> dict[str, float]:
    """Return ROUGE-1 and ROUGE-L *recall* with stemming: {"rouge1", "rougeL"}, each in [0, 1]."""
    scores = _scorer().score(reference, prediction)
    return {name: float(scores[name].recall) for name in ("rouge1", "rougeL")}


def truth_ratio(paraphrased_loss: float, perturbed_losses: Values) -> float:
    """Return exp(paraphrased - mean perturbed): wrong over right answers, geometric mean.

    Near 0 the model prefers the true answer, at 1 it cannot tell, above 1 it prefers wrong ones.
    """
    right = sample([paraphrased_loss], "paraphrased_loss")[0]
    wrong = sample(perturbed_losses, "perturbed_losses")
    exponent = np.clip(right - wrong.mean(), -_LARGEST_EXPONENT, _LARGEST_EXPONENT)
    return float(np.exp(exponent))


def normalized_loss(right_loss: float, wrong_losses: Values) -> float:
    """Return -log of the true answer's share of the probability of all options."""
    right = sample([right_loss], "right_loss")
    losses = np.concatenate([right, sample(wrong_losses, "wrong_losses")])
    return float(right[0] + np.logaddexp.reduce(-losses))


def forget_quality(truth_ratios: Values, reference_truth_ratios: Values) -> tuple[float, float]:
    """Return the exact two-sample KS (statistic, p-value) against a retrained model.

    Published because the field reports it; a p-value above .05 is absence of power, not proof of
    deletion, and no profile decides by it.
    """
    return ks_two_sample(truth_ratios, reference_truth_ratios)


def model_utility(components: Mapping[str, float] | Iterable[float]) -> float:
    """Return the harmonic mean of TOFU's components.

    Those are probability, ROUGE-L recall and max(0, 1 - truth ratio), each on retain, real
    authors and world facts: nine numbers.
    """
    values = components.values() if isinstance(components, Mapping) else components
    return harmonic_mean(values)


def privacy_leakage(auc_model: float, auc_reference: float) -> float:
    """Return MUSE's PrivLeak in percent from member-oriented AUCs (1: every record detected).

    100 (A - A_ref) / A_ref with A = 1 - AUC; negative is under-unlearned, positive over-unlearned.

    Raises:
        ValueError: if the reference AUC is 1 (the ratio is not defined) or one is outside [0, 1].
    """
    if not (0.0 <= auc_model <= 1.0 and 0.0 <= auc_reference < 1.0):
        message = "AUCs lie in [0, 1], and the reference's below 1"
        raise ValueError(message)
    return 100.0 * (auc_reference - auc_model) / (1.0 - auc_reference)


def exact_memorization(hits: Iterable[bool]) -> float:
    """Return the share of answer tokens whose teacher-forced argmax is right."""
    return float(_hits(hits).mean())


def extraction_strength(hits: Iterable[bool], *, compat: bool = False) -> float:
    """Return 1 - k/N, k the shortest prefix after which every teacher-forced argmax is right.

    0 when the last token is wrong: no prefix brings out the rest. ``compat`` gives the 1/N that
    the field's reference implementation returns then (it also leaves out the end-of-sequence
    token: pass hits without it to reproduce its numbers).
    """
    matched = _hits(hits)
    misses = np.flatnonzero(~matched)
    prefix = int(misses[-1]) + 1 if misses.size else 0
    if compat:
        prefix = min(prefix, matched.size - 1)
    return 1.0 - prefix / matched.size


def _hits(hits: Iterable[bool]) -> NDArray[np.bool_]:
    values = np.asarray(list(hits))
    if values.ndim != 1 or values.size == 0:
        message = "hits must be a non-empty sequence, one per answer token"
        raise ValueError(message)
    if not np.isin(values, (0, 1)).all():
        message = "a hit is true or false, and nothing in between"
        raise ValueError(message)
    return values.astype(np.bool_)
