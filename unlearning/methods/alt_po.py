"""AltPO: prefer other answers that the model wrote itself.

1. *Write*: for every form in scope the model writes ``count`` plausible other answers
   (:mod:`unlearning.alternatives`), once, resumable.
2. *Prefer*: ``-(2/beta) log sigmoid(beta [(NLL_l - NLL_l,ref) - (NLL_w - NLL_w,ref)])`` with ``l``
   the true answer and ``w`` one of the others, in turns, plus the retain term.

Paper: Mekala et al., "Alternate Preference Optimization for Unlearning Factual Knowledge in Large
Language Models", arXiv 2409.13474 (5 answers at temperature 1, beta 0.1, learning rate 5e-5). In
a study of depth on TOFU it came out best of eight tuned methods, arXiv 2605.24614: an answer of
the model's own in the place of the true one leaves no hole to be noticed.

Limits: what is put in its place is *made up*. If the person is real, the model now states untrue
facts about them, which the accuracy principle (GDPR Art. 5(1)(d)) speaks against; the result says
so. An answer that the model wrote may still hold parts of the truth, and facts of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from pydantic import Field
from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning.alternatives import AlternativeSettings, written
from unlearning.data import Sample
from unlearning.forgetting import ForgetSettings, gradient_method
from unlearning.objective import Objective, Texts
from unlearning.objectives import Preference

MADE_UP = (
    "The model was trained to state invented facts in place of the true ones. If the person is "
    "real, this conflicts with the accuracy principle (GDPR Art. 5(1)(d)): weigh it before the "
    "model is served."
)


@dataclass(frozen=True, config=FROZEN)
class Settings(ForgetSettings):
    """``beta``: inverse temperature; ``alternatives``: how the other answers are written."""

    beta: float = Field(default=0.1, gt=0)
    alternatives: AlternativeSettings = field(default_factory=AlternativeSettings)


class OverOwnWriting(Preference):
    """Answers of the model's own are preferred."""

    notes = (MADE_UP,)

    def __init__(self, beta: float, alternatives: AlternativeSettings) -> None:
        super().__init__(beta)
        self._alternatives = alternatives

    def wanted(self, texts: Texts) -> Sequence[Sequence[Sample]]:
        """Return what the model wrote for each forget sample."""
        return written(texts, self._alternatives)


@gradient_method(
    title="Alternate preference optimisation (AltPO)",
    effect=Effect.REMOVAL,
    summary="Lets the model write other answers and prefer them: deep, but it then states invented "
    "facts about the person (accuracy, GDPR Art. 5(1)(d)).",
    source="arXiv 2409.13474",
)
def alt_po(settings: Settings) -> Objective:
    """Return the objective."""
    return OverOwnWriting(settings.beta, settings.alternatives)
