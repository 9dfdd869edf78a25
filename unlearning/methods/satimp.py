"""SatImp: ascend on the tokens that are neither forgotten already nor certain anyway.

    loss = - forget_weight * mean over answer tokens of D_f of
             sg(p ** beta1 * (1 - p) ** beta2) * NLL + retain_weight * retain term

The first factor is saturation (a forgotten token needs no more), the second importance (a token
that any model is certain of carries no fact). Paper: Yang et al., "Exploring Criteria of Loss
Reweighting to Enhance LLM Unlearning", arXiv 2505.11953 (beta1 5, beta2 1). Its code and its
settings file disagree on which of the two terms is weighted 0.1; here both count 1, and
calibrated stopping decides how far it goes.

Limits: a text learnt by heart has p near 1 everywhere, so the importance factor makes the first
steps small: it starts slowly on memorised records.
"""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning.forgetting import ForgetSettings, gradient_method
from unlearning.objective import Objective
from unlearning.objectives import Ascent
from unlearning.weighting import SaturationImportance, weigher


@dataclass(frozen=True, config=FROZEN)
class Settings(ForgetSettings):
    """``beta1``: saturation; ``beta2``: importance; 0 switches a factor off."""

    beta1: float = Field(default=5.0, ge=0)
    beta2: float = Field(default=1.0, ge=0)


@gradient_method(
    title="Saturation and importance (SatImp)",
    effect=Effect.REMOVAL,
    summary="Makes the answers unlikely at the tokens that carry the fact and are still known.",
    source="arXiv 2505.11953",
)
def satimp(settings: Settings) -> Objective:
    """Return the objective."""
    return Ascent(weigher(SaturationImportance(beta1=settings.beta1, beta2=settings.beta2)))
