"""Token weights as a setting: around any loss that is a mean over tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.record import FROZEN
from unlearning.forgetting import ForgetSettings
from unlearning.losses.weights import confidence, saturation_importance
from unlearning.objective import Answers


@dataclass(frozen=True, config=FROZEN)
class Confidence:
    """``p ** beta`` of the true token: what is forgotten already fades out (WGA)."""

    kind: Literal["confidence"] = "confidence"
    beta: float = Field(default=1.0, ge=0)


@dataclass(frozen=True, config=FROZEN)
class SaturationImportance:
    """``p ** beta1 * (1 - p) ** beta2`` of the true token (SatImp)."""

    kind: Literal["saturation_importance"] = "saturation_importance"
    beta1: float = Field(default=5.0, ge=0)
    beta2: float = Field(default=1.0, ge=0)


TokenWeight = Annotated[Confidence | SaturationImportance, Field(discriminator="kind")]


@dataclass(frozen=True, config=FROZEN)
class TokenSettings(ForgetSettings):
    """``weight``: how much a token counts; without it, all count the same."""

    weight: TokenWeight | None = None


def weigher(weight: TokenWeight | None) -> Callable[[Answers], Tensor] | None:
    """Return the weights [tokens] of answers, as a function, or ``None`` for no weighting."""
    if weight is None:
        return None
    if isinstance(weight, Confidence):
        return lambda answers: confidence(answers.nll, beta=weight.beta)
    return lambda answers: saturation_importance(
        answers.nll, beta1=weight.beta1, beta2=weight.beta2
    )
