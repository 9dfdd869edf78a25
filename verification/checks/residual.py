"""How much of what the model had memorised about the person is left?

The memorisation gap is the mean log-probability of the person's true answers above that of
never-trained twins in the *same* model. The residual fraction is the candidate's gap over the
original's: 1 means that nothing was deleted, 0 that the records are like a stranger's, below 0
that they were made stranger than that. Each model is its own yardstick, so the scale may move
between models; what is hard to guess is taken out first, by asking the same model the same under
strangers' names (:mod:`verification.strangers`) where its memory hangs on the name. That cannot
see what a model says whatever the name, so the fraction without exchanged names
(:mod:`verification.difficulty`) may not lie above the margin either. No token counts as less
likely than a blind guess. The upper bound must stay within the profile's margin; the bounds are
one-sided at its level.
"""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from contract.record import FROZEN
from contract.report import CheckResult, Estimate, Verdict
from verification.gap import Gap, gap_estimate, gap_verdict
from verification.registry import check
from verification.spec import Context, UnansweredError
from verification.statistics import NoGapError

NAMED = "Residual fraction of the memorisation"
WHOLE = "The same without exchanging names"
TITLE = "Residual: how much of the memorisation is left?"
NOTHING = "The original model had not memorised these records beyond a stranger's."


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """The residual check has no settings; its margin is the profile's."""


@check(
    title=TITLE,
    question="What share of the person's memorised answers is left, against people never seen?",
    source="checks after Hayes et al. 2024 (arXiv 2403.01218); twins in place of retrained models",
    access="log-probabilities",
)
def residual(context: Context, settings: Settings) -> tuple[CheckResult, ...]:  # noqa: ARG001 - a check takes its settings, even when it has none
    """Estimate the residual fraction of the candidate."""
    gap, worded = Gap.of(context), Gap.worded(context)
    try:
        estimate = gap_estimate(context, gap, gap.after, NAMED)
        whole = gap_estimate(context, worded, worded.after, WHOLE)
    except NoGapError as error:
        reason = "the original shows no memorisation gap, so no share of it is defined"
        raise UnansweredError(NOTHING, reason) from error
    verdict, reasons = gap_verdict(estimate, over_forgetting=True)
    if gap != worded and verdict is Verdict.PASS:
        verdict, reasons = _whole_verdict(whole)
    return (
        CheckResult(
            check="residual",
            title=TITLE,
            verdict=verdict,
            reading=(
                f"About {max(estimate.value, 0.0):.0%} of the memorisation of this person's "
                f"answers is left (at most {max(estimate.high or 0.0, 0.0):.0%}); "
                f"up to {estimate.margin or 0.0:.0%} is tolerated."
            ),
            reasons=reasons,
            estimates=(estimate,) if gap == worded else (estimate, whole),
            records=len(context.records.forget),
            controls=len(context.records.twins),
        ),
    )


def _whole_verdict(whole: Estimate) -> tuple[Verdict, tuple[str, ...]]:
    """Hold what is left under any name against the margin; too noisy to ask for its upper bound."""
    margin = whole.margin or 0.0
    if whole.value <= margin:
        return Verdict.PASS, ()
    reason = f"{whole.name}: {whole.value:.0%}, above {margin:.0%}; more records would settle it"
    if whole.low is not None and whole.low > margin:
        return Verdict.FAIL, (reason,)
    return Verdict.INCONCLUSIVE, (reason,)
