"""Gradient ascent: make the answers to be forgotten less likely, and nothing else.

    loss = - mean over answer tokens of D_f of NLL

Paper: Jang et al., "Knowledge Unlearning for Mitigating Privacy Risks in Language Models", arXiv
2210.01504. It needs the records in scope only, no retained ones and no reference. Published
learning rates are 1e-5 for a whole model and far less where the model must survive; here
calibrated stopping ends it in time where never-trained persons are given.

Limits: the loss has no floor, so without an end the model collapses, first around the records, then
everywhere; over-forgotten records are as conspicuous as remembered ones. It is here as a baseline
and for the case in which nothing may be kept to train on; with retained records, ``grad_diff``
or ``npo`` is the better choice.
"""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning.forgetting import gradient_method
from unlearning.objective import Objective, RetainTerm
from unlearning.objectives import Ascent
from unlearning.weighting import TokenSettings, weigher


@dataclass(frozen=True, config=FROZEN)
class Settings(TokenSettings):
    """Those of the phase; no retain term unless one is asked for."""

    retain_term: RetainTerm = "none"
    learning_rate: float = Field(default=3e-5, gt=0)


@gradient_method(
    title="Gradient ascent",
    effect=Effect.REMOVAL,
    summary="Makes the answers unlikely with no hold on the rest; a baseline that soon destroys "
    "the model unless it is stopped in time.",
    source="arXiv 2210.01504",
    needs=("forget",),
)
def gradient_ascent(settings: Settings) -> Objective:
    """Return the objective."""
    return Ascent(weigher(settings.weight))
