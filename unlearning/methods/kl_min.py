"""KL minimisation: ascend on the records, stay near the model before on the retained ones.

    loss = - forget_weight * NLL per token over D_f
           + retain_weight * KL(before || now) per answer token over D_r

Paper: Maini et al., "TOFU", arXiv 2401.06121, section 3 ("KL minimization"). Public versions
average the divergence over every position, prompt and padding included; here it is over answer
tokens. The model before is a cache of its ``top`` likeliest tokens per position, all others taken
as one: a lower bound of the divergence, exact when ``top`` is the vocabulary.

Limits: as gradient difference; the anchor holds the distribution and not only the answer, which
slows the collapse and does not prevent it.
"""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning.forgetting import gradient_method
from unlearning.objective import Objective, RetainTerm
from unlearning.objectives import Ascent
from unlearning.weighting import TokenSettings, weigher


@dataclass(frozen=True, config=FROZEN)
class Settings(TokenSettings):
    """Those of the phase; the retain term is the divergence."""

    retain_term: RetainTerm = "kl"


@gradient_method(
    title="KL minimisation",
    effect=Effect.REMOVAL,
    summary="Makes the answers unlikely and keeps the other outputs near those of before.",
    source="arXiv 2401.06121",
)
def kl_min(settings: Settings) -> Objective:
    """Return the objective."""
    return Ascent(weigher(settings.weight))
