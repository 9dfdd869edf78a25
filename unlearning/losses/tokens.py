"""Losses of single answer tokens: ``f(logits, targets, ...)`` gives one value a token.

``logits`` [tokens, vocabulary] predict ``targets`` [tokens]. They are read in 32-bit floats,
whatever the model computes in; nothing is reduced, so that tokens can be weighted, cut into
pieces and averaged over a whole step by whoever asks.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def token_nll(logits: Tensor, targets: Tensor) -> Tensor:
    """Return ``-log p(target)``, [tokens], in nats."""
    return functional.cross_entropy(logits.float(), targets, reduction="none")


def inverted_hinge(logits: Tensor, targets: Tensor) -> Tensor:
    """Return LoKU's inverted hinge, [tokens], in [0, 2] (arXiv 2408.06621).

    ``1 + p(target) - max over v != target of p(v)``: it falls as the runner-up rises above the
    target, and only these two are pushed; unlike ascent it is bounded.
    """
    probabilities = logits.float().softmax(-1)
    true = _at(probabilities, targets)
    others = probabilities.scatter(-1, targets[:, None], -torch.inf)
    return 1 + true - others.amax(-1)


def targetless_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return CE-U's cross-entropy, [tokens], in nats (arXiv 2503.01224).

    ``-sum over v of q(v) log p(v)``, with ``q`` the model's own distribution when the logit of
    the target is minus infinity, taken as a constant: the share of the true token goes to the
    others in proportion.
    """
    scores = logits.float()
    with torch.no_grad():
        wanted = scores.scatter(-1, targets[:, None], -torch.inf).softmax(-1)
    return -(wanted * scores.log_softmax(-1)).sum(-1)


def logit_spread(logits: Tensor, targets: Tensor) -> Tensor:
    """Return ``(max logit - mean logit) squared``, [tokens] (PDU's forget term, arXiv 2506.05314).

    It is zero when every token of the vocabulary is equally likely; ``targets`` play no part.
    """
    del targets
    scores = logits.float()
    return (scores.amax(-1) - scores.mean(-1)).square()


def distillation(logits: Tensor, kept: Tensor, log_probs: Tensor) -> Tensor:
    """Return KL(teacher || student), [tokens], in nats.

    ``logits`` [tokens, vocabulary] are the student's; the teacher is given by its top ``k``
    tokens ``kept`` [tokens, k] and their ``log_probs``. The rest of both distributions is
    compared as one bucket, which bounds the full divergence from below (data processing) and
    spares keeping whole vocabularies.
    """
    student = functional.log_softmax(logits.float(), dim=-1).gather(-1, kept)
    inside = (log_probs.exp() * (log_probs - student)).sum(-1)
    rest_teacher, rest_student = log_rest(log_probs), log_rest(student)
    return inside + rest_teacher.exp() * (rest_teacher - rest_student)


def lowered_distillation(
    logits: Tensor, targets: Tensor, kept: Tensor, log_probs: Tensor, *, beta: float
) -> Tensor:
    """Return UNDIAL's loss, [tokens], in nats (arXiv 2402.10052).

    The cross-entropy of the student's ``logits`` to the teacher's distribution after the
    teacher's logit of the target was lowered by ``beta``. The teacher is given as in
    :func:`distillation`; ``kept`` must hold every target.
    """
    lowered = log_probs - beta * (kept == targets[:, None])
    rest = log_rest(log_probs)
    size = torch.logsumexp(torch.cat([lowered, rest[:, None]], -1), -1)
    student = functional.log_softmax(logits.float(), dim=-1).gather(-1, kept)
    inside = ((lowered - size[:, None]).exp() * student).sum(-1)
    return -inside - (rest - size).exp() * log_rest(student)


def log_rest(log_probs: Tensor) -> Tensor:
    """Return the log of the probability that ``log_probs`` [tokens, k] leave over, [tokens]."""
    left = 1 - log_probs.exp().sum(-1)
    return left.clamp_min(torch.finfo(left.dtype).eps).log()


def _at(values: Tensor, targets: Tensor) -> Tensor:
    return values.gather(-1, targets[:, None]).squeeze(-1)
