"""Can the forgotten records be told from records the model never saw?

Four attacks read the same forward pass: loss (Yeom et al. 2018), zlib (Carlini et al. 2021),
Min-K % (Shi et al. 2024) and Min-K++ (Zhang et al. 2025); a fifth compares with reference models
when the job has any. Each gives one number per fact. The area under the ROC curve against the
never-trained twins must be *shown* to lie within a margin of one half (Wellek's Mann-Whitney
equivalence test); the standard error is widened by the design effect that whole twin persons
show. Both sides count: a record that is stranger to the model than a stranger's gives the
person away as well.

Limits: it asks in the trained wording only; knowledge that shows in other words is for
:mod:`verification.checks.extraction`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic.dataclasses import dataclass

from contract.record import FROZEN
from contract.report import Chart, CheckResult, Estimate, Verdict
from verification.facts import Floats, column, columns, scores_of
from verification.families.causal_lm import CausalLM
from verification.profiles import Margins, Profile
from verification.registry import check
from verification.scores import MEMBERSHIP_SCORES
from verification.spec import Context
from verification.statistics import design_effect, leak_p_value, mann_whitney_equivalence

TITLE = "Membership: are the records told from never-trained ones?"
LABELS = {
    "loss": "Loss attack, AUC",
    "zlib": "Zlib attack, AUC",
    "min_k": "Min-K attack, AUC",
    "min_k_plus_plus": "Min-K++ attack, AUC",
    "reference": "Reference attack, AUC",
}


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``scores``: the attacks to run; all are decided before the candidate is seen."""

    scores: tuple[str, ...] = MEMBERSHIP_SCORES
    bins: int = 12


@check(
    title=TITLE,
    question="Does the model treat the person's records like those of people it never saw?",
    source="Wellek 2010; Yeom et al. 2018; Carlini et al. 2021; Shi et al. 2024",
    access="log-probabilities",
)
def membership(context: Context, settings: Settings) -> tuple[CheckResult, ...]:
    """Run every attack on the candidate and, for comparison, on the original."""
    margins = context.margins
    if margins is None:
        return (_too_few(context),)
    after = _attacks(context, context.candidate, settings)
    before = _attacks(context, context.original, settings)
    estimates = tuple(_estimate(name, *after[name], margins, context.profile) for name in after)
    verdict, reasons = _verdict(estimates, margins, context.profile.alpha)
    return (
        CheckResult(
            check="membership",
            title=TITLE,
            verdict=verdict,
            reading=_reading(verdict, estimates[0], context.profile.alpha),
            reasons=reasons,
            estimates=estimates,
            before=tuple(
                _estimate(name, *before[name], margins, context.profile) for name in before
            ),
            records=len(context.records.forget),
            controls=len(context.records.twins),
            charts=(_chart(before["loss"], after["loss"], settings.bins),),
        ),
    )


def _attacks(
    context: Context, model: CausalLM, settings: Settings
) -> dict[str, tuple[Floats, list[Floats]]]:
    """Return, by attack, the scores of the forget facts and of each twin person's facts."""
    records = context.records
    scores = scores_of(context, model, [*records.forget, *records.twins])
    found = {
        name: (column(scores, records.forget, name), columns(scores, records.twin_subjects, name))
        for name in settings.scores
    }
    if context.references:
        found["reference"] = _calibrated(context, *found["loss"])
    return found


def _calibrated(
    context: Context, forget: Floats, twins: list[Floats]
) -> tuple[Floats, list[Floats]]:
    """Subtract what models that saw neither give: difference in differences."""
    records = context.records
    runs = [
        scores_of(context, model, [*records.forget, *records.twins]) for model in context.references
    ]
    base = np.mean([column(run, records.forget) for run in runs], axis=0)
    per_run = [columns(run, records.twin_subjects) for run in runs]
    means = [np.mean(rows, axis=0) for rows in zip(*per_run, strict=True)]
    return forget - base, [own - mean for own, mean in zip(twins, means, strict=True)]


def _estimate(
    name: str, forget: Floats, twins: Sequence[Floats], margins: Margins, profile: Profile
) -> Estimate:
    pool = np.concatenate(list(twins))
    widening = design_effect(twins)
    found = mann_whitney_equivalence(forget, pool, margins.equivalence, profile.alpha, widening)
    leak = leak_p_value(forget, pool, widening)
    return Estimate(
        LABELS[name], found.auc, found.low, found.high, margins.equivalence, leak, found.p_value
    )


def _verdict(
    estimates: Sequence[Estimate], margins: Margins, alpha: float
) -> tuple[Verdict, tuple[str, ...]]:
    reasons = []
    for item in estimates:
        if (item.low or 0.0) > 0.5 + margins.equivalence:
            reasons.append(f"{item.name}: the records are still recognised ({item.value:.2f})")
        elif (1.0 if item.high is None else item.high) < 0.5 - margins.equivalence:
            reasons.append(
                f"{item.name}: the records are stranger to the model than a stranger's "
                f"({item.value:.2f}); over-forgetting gives the person away too"
            )
    if reasons:
        return Verdict.FAIL, tuple(reasons)
    open_ones = [item for item in estimates if (item.p_equivalence or 0.0) >= alpha]
    if open_ones:
        return Verdict.INCONCLUSIVE, tuple(
            f"{item.name}: {item.value:.2f}, not shown to lie within {margins.equivalence:g} of "
            "one half; more records or more twins would settle it"
            for item in open_ones
        )
    return Verdict.PASS, ()


def _reading(verdict: Verdict, loss: Estimate, alpha: float) -> str:
    odds = f"{loss.value:.0%}"
    if verdict is Verdict.PASS:
        return (
            "Shown one record of this person and one of somebody the model never saw, an attacker "
            f"picks the right one in {odds} of cases: no better than guessing, within the margin."
        )
    if verdict is Verdict.FAIL or (loss.p_leak or 0.0) < alpha:
        return (
            "An attacker who sees the model's probabilities can tell that this person's records "
            f"were used: the right one of two is picked in {odds} of cases (50% is guessing)."
        )
    return (
        f"The attacker picks the right one of two records in {odds} of cases; with this many "
        "records that is not enough to call it guessing."
    )


def _too_few(context: Context) -> CheckResult:
    return CheckResult(
        check="membership",
        title=TITLE,
        verdict=Verdict.INCONCLUSIVE,
        reading="There are too few records to show that they are absent.",
        reasons=("too few records for any margin of the profile; widen the scope",),
        records=len(context.records.forget),
        controls=len(context.records.twins),
    )


def _chart(
    before: tuple[Floats, list[Floats]], after: tuple[Floats, list[Floats]], bins: int
) -> Chart:
    """Return the distribution of losses: forgotten before and after, and the twins after."""
    series = {
        "before": -before[0],
        "after": -after[0],
        "never trained": -np.concatenate(after[1]),
    }
    top = float(np.quantile(np.concatenate(list(series.values())), 0.99))
    edges = np.linspace(0.0, max(top, 1e-6), bins + 1)
    return Chart(
        kind="distribution",
        title="How surprised the model is by the true answers",
        x_label="loss (nats per token)",
        y_label="share of facts",
        x=tuple(round(float(edge), 4) for edge in edges),
        series={
            name: tuple(
                float(part)
                for part in np.histogram(np.clip(values, 0.0, edges[-1]), edges)[0] / values.size
            )
            for name, values in series.items()
        },
    )
