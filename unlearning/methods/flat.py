"""FLAT: raise a template answer and lower the true one by an f-divergence, with nothing else.

    loss = mean over D_f of f*(g(P_f)) - g(P_e)

``P_f`` is the mean probability of the true answer's tokens, ``P_e`` that of a neutral answer's;
``g`` and ``f*`` belong to the chosen divergence (:mod:`unlearning.losses.divergences`). Paper: Wang
et al., "LLM Unlearning via Loss Adjustment with Only Forget Data", arXiv 2410.11143 (learning rate
2e-7 for Llama-2-7B, 1e-5 for OPT). No retained records and no reference model are needed, so it
fits where the controller may not keep any; a retain term can be added. The public code averages
over padding as well, which dilutes short answers; here an answer's mean is over its own tokens.

Limits: it ends at the template, so it covers the answer as IDK does; probabilities that are near
zero or one have hardly any gradient. Without a retain term the template spreads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning.data import Sample
from unlearning.forgetting import ForgetSettings, gradient_method
from unlearning.losses.divergences import Divergence
from unlearning.losses.divergences import flat as adjusted
from unlearning.objective import FORGET, Answers, Objective, RetainTerm, Texts
from unlearning.objectives import WANTED
from unlearning.refusals import RefusalSettings, refused


@dataclass(frozen=True, config=FROZEN)
class Settings(ForgetSettings):
    """``divergence``: by which the two answers are driven apart; ``refusals``: the templates."""

    divergence: Divergence = "kl"
    refusals: RefusalSettings = field(default_factory=lambda: RefusalSettings(count=1))
    retain_term: RetainTerm = "none"
    learning_rate: float = Field(default=3e-5, gt=0)


class LossAdjustment(Objective):
    """The FLAT loss of pairs of answers."""

    groups = (FORGET, WANTED)

    def __init__(self, divergence: Divergence, refusals: RefusalSettings) -> None:
        self._divergence, self._refusals = divergence, refusals

    def riders(self, texts: Texts) -> Mapping[str, Sequence[Sequence[Sample]]]:
        """Return the template answers of each forget sample."""
        return {WANTED: refused(texts, self._refusals)}

    def forget(self, seen: Mapping[str, Answers]) -> Tensor:
        """Return the mean over pairs."""
        wanted, unwanted = (_likely(seen[group]) for group in (WANTED, FORGET))
        return seen[FORGET].over_rows(adjusted(wanted, unwanted, self._divergence))


def _likely(answers: Answers) -> Tensor:
    """Return the mean probability of the true tokens of each answer, [rows]."""
    return answers.per_row((-answers.nll).exp()) / answers.lengths


@gradient_method(
    title="Loss adjustment with forget data only (FLAT)",
    effect=Effect.WEIGHT_SUPPRESSION,
    summary="Drives the records' answers and neutral ones apart; needs the records only.",
    source="arXiv 2410.11143",
    needs=("forget",),
)
def flat(settings: Settings) -> Objective:
    """Return the objective."""
    return LossAdjustment(settings.divergence, settings.refusals)
