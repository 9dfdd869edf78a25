"""The losses, each with one definition and an explicit reduction.

"NPO" names at least four different quantities in public code (sequence sums, batch means, raw
logits); here it is the paper's: a ratio of sequence probabilities per sample.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from unlearning.data import Batch

Reduction = Literal["sum", "mean"]


def answer_logits(model: Any, batch: Batch) -> Tensor:
    """Return logits [answer tokens, vocabulary] of a transformers causal LM.

    The output layer runs on answer positions only: with long prompts and large vocabularies
    it is most of the memory.
    """
    hidden = model.base_model(input_ids=batch.ids, use_cache=False).last_hidden_state
    logits: Tensor = model.get_output_embeddings()(hidden[batch.rows, batch.positions])
    return logits


def answer_nll(model: Any, batch: Batch) -> Tensor:
    """Return the summed negative log-likelihood of each row's answer, [rows], in nats."""
    tokens = functional.cross_entropy(
        answer_logits(model, batch).float(), batch.targets, reduction="none"
    )
    return tokens.new_zeros(len(batch.lengths)).index_add(0, batch.rows, tokens)


def nll(sums: Tensor, lengths: Tensor, *, reduction: Reduction) -> Tensor:
    """Return the training loss of rows with answer NLL ``sums`` and token counts ``lengths``.

    ``sum``: mean over rows of the sequence sums. ``mean``: mean over all answer tokens, which
    is what a language model is usually trained on.
    """
    if reduction == "sum":
        return sums.mean()
    return sums.sum() / lengths.sum()


def npo(
    sums: Tensor, reference: Tensor, lengths: Tensor, *, beta: float, reduction: Reduction = "sum"
) -> Tensor:
    """Return the negative preference optimisation loss (arXiv 2404.05868, equation 3).

    ``-(2 / beta) * log sigmoid(beta * (NLL - NLL_ref))``, mean over rows, with NLL the sum over
    the answer tokens (``reduction="sum"``, the paper's) or their mean. ``sums`` and
    ``reference`` are sequence sums [rows]. Its gradient is gradient ascent's times
    ``2 p^beta / (p^beta + p_ref^beta)``, so it fades once a sample has become unlikely.
    """
    difference = sums - reference
    if reduction == "mean":
        difference = difference / lengths
    return -(2 / beta) * functional.logsigmoid(beta * difference).mean()


def distillation(logits: Tensor, kept: Tensor, log_probs: Tensor) -> Tensor:
    """Return KL(teacher || student) per token, mean over tokens, in nats.

    ``logits`` [tokens, vocabulary] are the student's; the teacher is given by its top ``k``
    tokens ``kept`` [tokens, k] and their ``log_probs``. The rest of both distributions is
    compared as one bucket, which bounds the full divergence from below (data processing) and
    spares keeping whole vocabularies.
    """
    student = functional.log_softmax(logits.float(), dim=-1).gather(-1, kept)
    inside = (log_probs.exp() * (log_probs - student)).sum(-1)
    rest_teacher, rest_student = log_rest(log_probs), log_rest(student)
    return (inside + rest_teacher.exp() * (rest_teacher - rest_student)).mean()


def log_rest(log_probs: Tensor) -> Tensor:
    """Return the log of the probability that ``log_probs`` [tokens, k] leave over, [tokens]."""
    left = 1 - log_probs.exp().sum(-1)
    return left.clamp_min(torch.finfo(left.dtype).eps).log()


def finite(module: nn.Module) -> bool:
    """Say whether every parameter of the module is a finite number."""
    return all(bool(torch.isfinite(item).all()) for item in module.parameters())
