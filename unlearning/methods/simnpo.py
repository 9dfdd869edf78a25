"""SimNPO: negative preference optimisation without a reference, by the token.

    loss = forget_weight * mean over D_f of -(2/beta) log sigmoid(beta (NLL per token - delta))
           + retain_weight * retain term

NPO measures an answer against the model before, which spares long and hard answers; SimNPO
measures every answer by its own NLL per token. Paper: Fan et al., "Simplicity Prevails: Rethinking
Negative Preference Optimization for LLM Unlearning", arXiv 2410.07163 (TOFU: beta 2.5 to 4.5,
forget weight 0.125 to 0.1375, learning rate 1e-5). The published settings hardly forget elsewhere;
tuned ones (beta 3.5, learning rate 5e-5) are among the best in a study of depth, arXiv 2605.24614.

Limits: the pull fades at an absolute NLL of ``delta`` and a few times 1 / beta, whatever an unknown
answer costs in this model. At the paper's beta that is about a nat a token, short of what
never-trained answers cost, so the default here is smaller and calibrated stopping sets the end.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning.forgetting import ForgetSettings, gradient_method
from unlearning.losses.rows import simnpo as simple_preference
from unlearning.objective import FORGET, Answers, Objective


@dataclass(frozen=True, config=FROZEN)
class Settings(ForgetSettings):
    """``beta``: inverse temperature; ``delta``: the NLL a token from which the pull fades."""

    beta: float = Field(default=0.5, gt=0)
    delta: float = Field(default=0.0, ge=0)


class SimplePreference(Objective):
    """The SimNPO loss of whole answers."""

    def __init__(self, beta: float, delta: float) -> None:
        self._beta, self._delta = beta, delta

    def forget(self, seen: Mapping[str, Answers]) -> Tensor:
        """Return the mean over the forget answers."""
        answers = seen[FORGET]
        rows = simple_preference(answers.sums, answers.lengths, beta=self._beta, delta=self._delta)
        return answers.over_rows(rows)


@gradient_method(
    title="Simple negative preference optimisation (SimNPO)",
    effect=Effect.REMOVAL,
    summary="As NPO without a reference model, each answer by its own likelihood a token.",
    source="arXiv 2410.07163",
)
def simnpo(settings: Settings) -> Objective:
    """Return the objective."""
    return SimplePreference(settings.beta, settings.delta)
