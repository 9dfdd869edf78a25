"""Gradient difference: ascend on the records to be forgotten, descend on the retained ones.

    loss = - forget_weight * NLL per token over D_f + retain_weight * NLL per token over D_r

Paper: Liu, Liu and Stone, "Continual Learning and Private Unlearning", arXiv 2203.12817; as a
baseline for language models in TOFU, arXiv 2401.06121 (both weights 1, learning rate 1e-5).

Limits: the first term has no floor, so the forgotten answers end in gibberish unless calibrated
stopping ends the phase; the retained records hold utility, but what lies between both sets is
nobody's business.
"""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning.forgetting import gradient_method
from unlearning.objective import Objective
from unlearning.objectives import Ascent
from unlearning.weighting import TokenSettings, weigher


@dataclass(frozen=True, config=FROZEN)
class Settings(TokenSettings):
    """Those of the phase."""


@gradient_method(
    title="Gradient difference",
    effect=Effect.REMOVAL,
    summary="Makes the answers unlikely while training on the rest; simple, unbounded.",
    source="arXiv 2203.12817, arXiv 2401.06121",
)
def grad_diff(settings: Settings) -> Objective:
    """Return the objective."""
    return Ascent(weigher(settings.weight))
