"""Direct preference optimisation: prefer another answer to the one to be forgotten.

    loss = mean over D_f of -(2/beta) log sigmoid(beta [(NLL_l - NLL_l,ref) - (NLL_w - NLL_w,ref)])
           + retain_weight * retain term

``l`` is the true answer, ``w`` what is wanted instead, NLL summed over an answer's tokens.
``wanted`` says what that is: ``refusals`` (neutral answers, "IdkDPO") or ``alternates``: answers of
the same kind that are not true, as the records' forms bring them (``wrong``). Papers: Rafailov et
al., arXiv 2305.18290; for unlearning Zhang et al., arXiv 2404.05868, and TOFU, arXiv 2401.06121
(beta 0.1, learning rate 1e-5). Both references are cached numbers.

Limits: unlike IDK it lowers the true answer too, and unlike NPO it puts something in its place: the
neutral answers spread to other persons, the alternates are untrue statements about a real one. How
deep it goes depends on its tuning; the card claims the weaker effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.record import FROZEN
from contract.result import ErrorCode, JobError
from unlearning.data import Sample
from unlearning.forgetting import ForgetSettings, gradient_method
from unlearning.objective import Objective, Texts
from unlearning.objectives import Preference
from unlearning.refusals import RefusalSettings, refused

UNTRUE = (
    "The model was trained to give untrue answers about the person, taken from the records' wrong "
    "options. If the person is real, their accuracy must be weighed (GDPR Art. 5(1)(d))."
)


@dataclass(frozen=True, config=FROZEN)
class Settings(ForgetSettings):
    """``beta``: inverse temperature; ``wanted``: what is preferred; ``refusals``: which of them."""

    beta: float = Field(default=0.1, gt=0)
    wanted: Literal["refusals", "alternates"] = "refusals"
    refusals: RefusalSettings = field(default_factory=RefusalSettings)


class OverRefusals(Preference):
    """Neutral answers are preferred."""

    def __init__(self, beta: float, refusals: RefusalSettings) -> None:
        super().__init__(beta)
        self._refusals = refusals

    def wanted(self, texts: Texts) -> Sequence[Sequence[Sample]]:
        """Return the neutral answers of each forget sample."""
        return refused(texts, self._refusals)


class OverAlternates(Preference):
    """Untrue answers of the same kind are preferred."""

    notes = (UNTRUE,)

    def wanted(self, texts: Texts) -> Sequence[Sequence[Sample]]:
        """Return the wrong answers that come with each forget sample; raises ``DATA_MISSING``."""
        found = []
        for sample in texts.forget:
            wrong = _wrong(texts, sample)
            if not wrong:
                message = (
                    "some forms in scope bring no wrong answers, and none can be preferred; "
                    "choose refusals, or the method alt_po, which writes alternatives itself"
                )
                raise JobError(ErrorCode.DATA_MISSING, message)
            found.append([texts.answered(sample, answer) for answer in wrong])
        return found


def _wrong(texts: Texts, sample: Sample) -> tuple[str, ...]:
    """Return the wrong answers of a form, or of another form with the same true answer."""
    own = texts.record_form(sample)
    forms = (own, *texts.records[sample.record].forms.values())
    true = own.answer.strip()
    return next((item.wrong for item in forms if item.wrong and item.answer.strip() == true), ())


@gradient_method(
    title="Direct preference optimisation (DPO)",
    effect=Effect.WEIGHT_SUPPRESSION,
    summary="Prefers neutral or untrue answers to the records'; between covering and removing.",
    source="arXiv 2305.18290, arXiv 2404.05868",
)
def dpo(settings: Settings) -> Objective:
    """Return the objective."""
    if settings.wanted == "alternates":
        return OverAlternates(settings.beta)
    return OverRefusals(settings.beta, settings.refusals)
