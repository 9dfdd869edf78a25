"""Weighted gradient ascent (WGA): ascend on the tokens that are still known.

    loss = - mean over answer tokens of D_f of sg(p) ** beta * NLL + retain_weight * retain term

``p`` is the probability of the true token; no gradient flows through the weight. A token that is
already unlikely is left alone, so the ascent ends by itself. Paper: Wang et al., "Rethinking LLM
Unlearning Objectives: A Gradient Perspective and Go Beyond", arXiv 2502.19301 (beta 1, learning
rate 1e-5 to 2e-5). No reference model is needed, and none is built.

Limits: with every token at its own pace, rare content words go first and the frame of a sentence
stays; what is latent in the weights is not reached.
"""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning.forgetting import ForgetSettings, gradient_method
from unlearning.objective import Objective
from unlearning.objectives import Ascent
from unlearning.weighting import Confidence, weigher


@dataclass(frozen=True, config=FROZEN)
class Settings(ForgetSettings):
    """``beta``: how fast a token's weight falls with its probability; 0 is gradient difference."""

    beta: float = Field(default=1.0, ge=0)


@gradient_method(
    title="Weighted gradient ascent (WGA)",
    effect=Effect.REMOVAL,
    summary="Makes the answers unlikely token by token and leaves alone what is forgotten already.",
    source="arXiv 2502.19301",
)
def wga(settings: Settings) -> Objective:
    """Return the objective."""
    return Ascent(weigher(Confidence(beta=settings.beta)))
