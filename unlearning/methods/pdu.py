"""PDU: flatten the logits on the records, as far as a limit on the retained loss allows.

    minimise   mean over answer tokens of D_f of (max logit - mean logit) ** 2
    subject to NLL per token over D_r <= epsilon

by a dual variable that rises while the limit is exceeded and falls while there is room
(:mod:`unlearning.balance`). Paper: Entesari et al., "Constrained Entropic Unlearning: A Primal-Dual
Framework for Large Language Models", arXiv 2506.05314 (TOFU: epsilon 0.3, first dual variable 100,
rate 5 an epoch, after 5 epochs). Here the dual variable moves every step, on the retained loss of
that step, so its rate is smaller; the constraint alone is a setting of every gradient method.

Limits: flat logits are a state no untrained person's records are in, so without calibrated stopping
the records end up conspicuously unknown; epsilon has to suit the model (a little above what its
retained records cost before).
"""

from __future__ import annotations

from dataclasses import field

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning.balance import ConstraintSettings
from unlearning.forgetting import gradient_method
from unlearning.losses.tokens import logit_spread
from unlearning.objective import Answers, Objective, TokenObjective
from unlearning.weighting import TokenSettings, weigher


@dataclass(frozen=True, config=FROZEN)
class Settings(TokenSettings):
    """Those of the phase, with a constraint; without it, ``retain_weight`` holds."""

    constraint: ConstraintSettings | None = field(
        default_factory=lambda: ConstraintSettings(start=10.0)
    )
    forget_weight: float = Field(default=0.02, gt=0)


class Flattening(TokenObjective):
    """The spread of the logits."""

    def tokens(self, answers: Answers) -> Tensor:
        """Return the squared distance of the highest logit from the mean, [tokens]."""
        return answers.each(logit_spread)


@gradient_method(
    title="Primal-dual unlearning (PDU)",
    effect=Effect.REMOVAL,
    summary="Flattens the outputs on the records as far as a limit on the retained loss allows.",
    source="arXiv 2506.05314",
)
def pdu(settings: Settings) -> Objective:
    """Return the objective."""
    return Flattening(weigher(settings.weight))
