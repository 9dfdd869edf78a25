"""Can the forgotten records be told from records the model never saw?

Four attacks read the same forward pass: loss (Yeom et al. 2018), zlib (Carlini et al. 2021),
Min-K % (Shi et al. 2024) and Min-K++ (Zhang et al. 2025); a fifth compares with reference models
when the job has any: what the model says beyond what models say that saw neither the person nor
the twins (difference in differences). Each gives one number per fact. The area under the ROC
curve against the never-trained twins must be *shown* to lie within a margin of one half, on both
sides (:mod:`verification.separation`); every one of these attacks decides.

Reported without deciding: the loss less what the kind of fact explains
(:mod:`verification.difficulty`), the share caught at few false alarms, and MUSE's PrivLeak
(Min-K %, no interval of its own in the paper).

Limits: it asks in the trained wording only; knowledge that shows in other words is for
:mod:`verification.checks.extraction`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from pydantic.dataclasses import dataclass

from contract.record import FROZEN
from contract.report import CheckResult, Estimate, Verdict
from verification.difficulty import difficulty
from verification.facts import FactScores, column, columns, scores_of
from verification.families.causal_lm import CausalLM
from verification.profiles import Margins
from verification.registry import check
from verification.scores import MEMBERSHIP_SCORES
from verification.separation import (
    Scored,
    area,
    areas_chart,
    caught,
    distribution,
    odds,
    privacy_leak,
    separation_verdict,
)
from verification.spec import Context, UnansweredError
from verification.statistics import auc

TITLE = "Membership: are the records told from never-trained ones?"
TOO_FEW = "There are too few records to show that they are absent."
LABELS = {
    "loss": "Loss attack",
    "zlib": "Zlib attack",
    "min_k": "Min-K attack",
    "min_k_plus_plus": "Min-K++ attack",
    "reference": "Reference attack",
}
ADJUSTED = "Loss attack, kind of fact taken out"
_FEW = "more records, or twins of more people, would settle it"


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``scores``: the attacks that decide; all are fixed before the candidate is seen.

    ``false_alarms``: rates below which the share of caught facts is reported.
    """

    scores: tuple[str, ...] = MEMBERSHIP_SCORES
    false_alarms: tuple[float, ...] = (0.1, 0.01)
    bins: int = 12


@check(
    title=TITLE,
    question="Does the model treat the person's records like those of people it never saw?",
    source="Wellek 2010; Yeom et al. 2018; Carlini et al. 2021; Shi et al. 2024",
    access="log-probabilities",
)
def membership(context: Context, settings: Settings) -> tuple[CheckResult, ...]:
    """Run every attack on the candidate and, for comparison, on the original."""
    margins, alpha = context.margins, context.profile.alpha
    if margins is None:
        reason = f"too few records for any margin of the profile; widen the scope: {_FEW}"
        raise UnansweredError(TOO_FEW, reason, Verdict.INCONCLUSIVE)
    after = _attacks(context, context.candidate, settings)
    if not after["loss"].enough:
        reason = f"too few records in the trained wording to compare; widen the scope: {_FEW}"
        raise UnansweredError(TOO_FEW, reason, Verdict.INCONCLUSIVE)
    before = _attacks(context, context.original, settings)
    estimates = _areas(after, margins, alpha)
    earlier = _areas(before, margins, alpha)
    verdict, reasons = separation_verdict(estimates, alpha)
    return (
        CheckResult(
            check="membership",
            title=TITLE,
            verdict=verdict,
            reading=_reading(verdict, _furthest(verdict, estimates), alpha),
            reasons=reasons,
            estimates=(*estimates, *_descriptive(context, after, settings)),
            before=earlier,
            records=len(context.records.forget),
            controls=len(context.records.twins),
            charts=(
                distribution(
                    "How surprised the model is by the true answers",
                    "loss (nats per token)",
                    {
                        "before": -before["loss"].forget,
                        "after": -after["loss"].forget,
                        "never trained": -after["loss"].pool,
                    },
                    settings.bins,
                ),
                areas_chart(earlier, estimates),
            ),
        ),
    )


def _attacks(context: Context, model: CausalLM, settings: Settings) -> dict[str, Scored]:
    """Return, by attack, the scores of the forget facts and of each twin person's facts."""
    scores = _scores(context, model)
    found = {name: _scored(context, scores, name) for name in ("loss", *settings.scores)}
    if context.references:
        found["reference"] = _calibrated(context, found["loss"])
    return found


def _scores(context: Context, model: CausalLM) -> FactScores:
    return scores_of(context, model, [*context.records.forget, *context.records.twins])


def _scored(context: Context, scores: FactScores, name: str) -> Scored:
    records = context.records
    return Scored(
        column(scores, records.forget, name), columns(scores, records.twin_subjects, name)
    )


def _calibrated(context: Context, plain: Scored) -> Scored:
    """Subtract what models that saw neither give: difference in differences."""
    runs = [_scored(context, _scores(context, model), "loss") for model in context.references]
    base = np.mean([run.forget for run in runs], axis=0)
    means = [np.mean(rows, axis=0) for rows in zip(*(run.twins for run in runs), strict=True)]
    return Scored(
        plain.forget - base,
        [own - mean for own, mean in zip(plain.twins, means, strict=True)],
    )


def _areas(attacks: Mapping[str, Scored], margins: Margins, alpha: float) -> tuple[Estimate, ...]:
    return tuple(
        area(f"{LABELS[name]}, AUC", scored, margins.equivalence, alpha)
        for name, scored in attacks.items()
    )


def _descriptive(
    context: Context, attacks: Mapping[str, Scored], settings: Settings
) -> tuple[Estimate, ...]:
    """Return what is reported and decides nothing: no margins, no p-values."""
    alpha, any_margin = context.profile.alpha, context.profile.margins[0].equivalence
    adjusted = area(f"{ADJUSTED}, AUC", _adjusted(context), any_margin, alpha)
    least = _min_k(context, context.candidate)
    references = [
        auc(known.forget, known.pool)
        for known in (_min_k(context, model) for model in context.references)
    ]
    return (
        replace(adjusted, margin=None, p_leak=None, p_equivalence=None),
        privacy_leak(area("Min-K", least, any_margin, alpha), references),
        *(
            caught(LABELS[name], scored, level, alpha)
            for name, scored in attacks.items()
            for level in settings.false_alarms
        ),
    )


def _min_k(context: Context, model: CausalLM) -> Scored:
    return _scored(context, _scores(context, model), "min_k")


def _adjusted(context: Context) -> Scored:
    """Return the loss score less the score to expect of such a fact of a stranger."""
    records, scores = context.records, _scores(context, context.candidate)
    plain = {record: row["loss"] for record, row in scores.items()}
    twins = {record.id: plain[record.id] for record in records.twins if record.id in plain}
    expected = difficulty(twins, records.twin_subjects, records.forget, context.trained_forms)
    rows = {record: {"loss": plain[record] - expected[record]} for record in plain}
    return _scored(context, rows, "loss")


def _furthest(verdict: Verdict, estimates: Sequence[Estimate]) -> Estimate:
    """Return the plainest attack, or the furthest from guessing where one failed the model."""
    if verdict is not Verdict.FAIL:
        return estimates[0]
    return max(estimates, key=lambda item: abs(item.value - item.null))


def _reading(verdict: Verdict, found: Estimate, alpha: float) -> str:
    share = odds(found)
    if verdict is Verdict.PASS:
        return (
            "Shown one record of this person and one of somebody the model never saw, an attacker "
            f"picks the right one in {share} of cases: no better than guessing, within the margin."
        )
    if verdict is Verdict.FAIL:
        return (
            "An attacker who sees the model's probabilities can tell that this person's records "
            f"were used: the right one of two is picked in {share} of cases (50% is guessing)."
        )
    if (found.p_leak or 0.0) < alpha:
        return (
            "An attacker who sees the model's probabilities picks the right one of two records in "
            f"{share} of cases (50% is guessing): more often than chance explains well."
        )
    return (
        f"The attacker picks the right one of two records in {share} of cases; with this many "
        "records that is not enough to call it guessing."
    )
