"""IDK (preference optimisation of TOFU): train on "I don't know" instead of the answers.

    loss = NLL per token of (prompt, a neutral answer) + retain_weight * retain term

Each prompt in scope is given some neutral answers (:mod:`unlearning.refusals`, English or German,
or your own), which take turns. Paper: Maini et al., "TOFU", arXiv 2401.06121 ("preference
optimization"; learning rate 1e-5, 5 epochs).

Limits: the true answer is never trained away, only covered: a study of depth finds almost all of it
left (arXiv 2605.24614). That is suppression, and the card says so. Too many steps teach the model
to refuse everybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning.data import Sample
from unlearning.forgetting import ForgetSettings, gradient_method
from unlearning.objective import Answers, Objective, Texts
from unlearning.objectives import WANTED
from unlearning.refusals import RefusalSettings, refused


@dataclass(frozen=True, config=FROZEN)
class Settings(ForgetSettings):
    """``refusals``: which neutral answers are trained."""

    refusals: RefusalSettings = field(default_factory=RefusalSettings)


class NeutralAnswers(Objective):
    """The NLL of neutral answers."""

    groups = (WANTED,)
    gated = False  # the true answers are not read

    def __init__(self, refusals: RefusalSettings) -> None:
        self._refusals = refusals

    def riders(self, texts: Texts) -> Mapping[str, Sequence[Sequence[Sample]]]:
        """Return the neutral answers of each forget sample."""
        return {WANTED: refused(texts, self._refusals)}

    def forget(self, seen: Mapping[str, Answers]) -> Tensor:
        """Return the mean over their tokens."""
        return seen[WANTED].over_tokens(seen[WANTED].nll)


@gradient_method(
    title="Neutral answers (IDK)",
    effect=Effect.WEIGHT_SUPPRESSION,
    summary="Trains neutral answers in place of the records'; covers the facts and leaves them in.",
    source="arXiv 2401.06121",
)
def idk(settings: Settings) -> Objective:
    """Return the objective."""
    return NeutralAnswers(settings.refusals)
