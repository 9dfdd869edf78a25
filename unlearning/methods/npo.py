"""Negative preference optimisation: push the records out until they look never-trained.

Idea: lower the likelihood of the forget answers relative to the model before unlearning, with a
pull that fades once an answer has become unlikely, while a retain term holds the rest.

    loss = forget_weight * mean over D_f of -(2/beta) log sigmoid(beta (NLL(x) - NLL_ref(x)))
           + retain_weight * retain term over D_r

with NLL the sum over answer tokens (``reduction``). ``retain_term`` "nll" is the paper's NPO+RT
(NPO+GD elsewhere), "kl" its NPO+KL, "none" plain NPO. Paper: Zhang et al., "Negative Preference
Optimization", arXiv 2404.05868 (beta 0.1, learning rate 1e-5). Here the learning rate is ten
times that and the end is calibrated on never-trained persons (:mod:`unlearning.stopping`).

Limits: it fine-tunes away from the facts; what is latent in the weights often comes back after a
few steps of relearning. Neighbouring records suffer first. The tokenizer is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning.forgetting import ForgetSettings, gradient_method
from unlearning.losses.rows import Reduction
from unlearning.losses.rows import npo as negative_preference
from unlearning.objective import FORGET, Answers, Objective
from unlearning.reference import LogProbs, Need


@dataclass(frozen=True, config=FROZEN)
class Settings(ForgetSettings):
    """``beta``: inverse temperature; towards 0 the loss becomes gradient ascent.

    ``reduction``: whether an answer's NLL is the ``sum`` over its tokens, the paper's, or the
    ``mean``, with which ``beta`` means something else.
    """

    beta: float = Field(default=0.1, gt=0)
    reduction: Reduction = "sum"
    forget_weight: float = Field(default=0.5, gt=0)


class NegativePreference(Objective):
    """The NPO loss of whole answers."""

    def __init__(self, beta: float, reduction: Reduction = "sum") -> None:
        self._beta, self._reduction = beta, reduction

    def needs(self, group: str) -> Sequence[Need]:
        """Return the likelihoods of the forget answers."""
        return (LogProbs(),) if group == FORGET else ()

    def forget(self, seen: Mapping[str, Answers]) -> Tensor:
        """Return the mean over the forget answers."""
        answers = seen[FORGET]
        rows = negative_preference(
            answers.sums,
            answers.sums_before,
            answers.lengths,
            beta=self._beta,
            reduction=self._reduction,
        )
        return answers.over_rows(rows)


@gradient_method(
    title="Negative preference optimisation",
    effect=Effect.REMOVAL,
    summary="Pushes the records out of the whole model and holds the rest; fast, often shallow.",
    source="arXiv 2404.05868",
)
def npo(settings: Settings) -> Objective:
    """Return the objective."""
    return NegativePreference(settings.beta, settings.reduction)
