"""Losses of whole answers: functions of likelihoods, one value a row.

``sums`` [rows] are negative log-likelihoods summed over an answer's tokens, ``lengths`` [rows]
how many tokens those are, ``reference`` [rows] the same sums under the model before unlearning.
All in nats.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional

Reduction = Literal["sum", "mean"]


def nll(sums: Tensor, lengths: Tensor, *, reduction: Reduction) -> Tensor:
    """Return the training loss of rows with answer NLL ``sums`` and token counts ``lengths``.

    ``sum``: mean over rows of the sequence sums. ``mean``: mean over all answer tokens, which
    is what a language model is usually trained on. The one reduced loss of this module.
    """
    if reduction == "sum":
        return sums.mean()
    return sums.sum() / lengths.sum()


def npo(
    sums: Tensor, reference: Tensor, lengths: Tensor, *, beta: float, reduction: Reduction = "sum"
) -> Tensor:
    """Return negative preference optimisation, [rows] (arXiv 2404.05868, equation 3).

    ``-(2 / beta) * log sigmoid(beta * (NLL - NLL_ref))`` with NLL the sum over the answer tokens
    (``reduction="sum"``, the paper's) or their mean. Its gradient is gradient ascent's times
    ``2 p^beta / (p^beta + p_ref^beta)``, so it fades once a sample has become unlikely.
    """
    difference = _reduced(sums - reference, lengths, reduction)
    return -(2 / beta) * functional.logsigmoid(beta * difference)


def simnpo(sums: Tensor, lengths: Tensor, *, beta: float, delta: float) -> Tensor:
    """Return SimNPO, [rows] (arXiv 2410.07163).

    ``-(2 / beta) * log sigmoid(beta * (NLL per token - delta))``: no reference model, and long
    answers weigh no more than short ones. ``delta`` is in nats a token; the paper's margin gamma,
    which stands outside ``beta``, is ``beta * delta``.
    """
    return -(2 / beta) * functional.logsigmoid(beta * (sums / lengths - delta))


def dpo(
    wanted: Tensor,
    wanted_reference: Tensor,
    unwanted: Tensor,
    unwanted_reference: Tensor,
    *,
    beta: float,
) -> Tensor:
    """Return direct preference optimisation, [rows] (arXiv 2305.18290, equation 7).

    All four are sequence sums of the NLL. ``-(2 / beta) * log sigmoid(beta * ((unwanted -
    unwanted_reference) - (wanted - wanted_reference)))``; the factor ``2 / beta`` is NPO's, so
    that ``beta`` changes the shape and not the size of the step.
    """
    margin = (unwanted - unwanted_reference) - (wanted - wanted_reference)
    return -(2 / beta) * functional.logsigmoid(beta * margin)


def _reduced(sums: Tensor, lengths: Tensor, reduction: Reduction) -> Tensor:
    return sums / lengths if reduction == "mean" else sums
