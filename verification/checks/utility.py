"""Does the model still know what it must keep?

Two sets are asked in the trained wording: the neighbours of the forgotten records in the
hierarchy, where collateral damage shows first, and a sample of everything else it was trained
on. The loss of quality is the drop in token accuracy (teacher-forced) relative to the original,
paired by record; its bound must stay within the profile's margin. A destroyed model forgets
perfectly, and fails here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic.dataclasses import dataclass

from contract.record import FROZEN, Record
from contract.report import Chart, CheckResult, Estimate, Verdict
from verification.facts import Floats
from verification.families.causal_lm import CausalLM
from verification.registry import check
from verification.spec import Context, UnansweredError
from verification.statistics import bca_interval

TITLE = "Utility: is what must be kept still there?"
NOTHING = "The job names no records that must be kept, so nothing can be said about them."
FEWEST = 3


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``records``: how many of each set are asked at most, drawn by the job's seed."""

    records: int = 150


@check(
    title=TITLE,
    question="Do the records next to the forgotten ones, and all others, still work?",
    source="Maini et al. 2024 (arXiv 2401.06121); neighbours as in RWKU (arXiv 2406.10890)",
    access="log-probabilities",
)
def utility(context: Context, settings: Settings) -> tuple[CheckResult, ...]:
    """Compare candidate and original on neighbours and on the rest."""
    rng = np.random.default_rng(context.job.seed)
    sets = {
        "neighbours": _sample(context.records.neighbours, settings.records, rng),
        "everything else": _sample(context.records.retain, settings.records, rng),
    }
    measured = {
        name: (_quality(context, context.original, own), _quality(context, context.candidate, own))
        for name, own in sets.items()
        if len(own) >= FEWEST
    }
    if not measured:
        reason = f"fewer than {FEWEST} neighbours and other retained records; add some"
        raise UnansweredError(NOTHING, reason, Verdict.INCONCLUSIVE)
    estimates = tuple(_loss(context, name, *pair) for name, pair in measured.items())
    verdict, reasons = _verdict(estimates)
    worst = max(estimates, key=lambda item: item.value)
    return (
        CheckResult(
            check="utility",
            title=TITLE,
            verdict=verdict,
            reading=(
                f"On what must be kept the model lost at most {max(worst.value, 0.0):.1%} of its "
                f"accuracy (worst: {worst.name.partition(', ')[2]}); "
                f"{context.profile.utility:.0%} is tolerated."
            ),
            reasons=reasons,
            estimates=estimates,
            records=sum(map(len, sets.values())),
            charts=(_chart(context, sets),),
        ),
    )


def _sample(records: Sequence[Record], count: int, rng: np.random.Generator) -> list[Record]:
    if len(records) <= count:
        return list(records)
    return [records[index] for index in sorted(rng.choice(len(records), count, replace=False))]


def _quality(context: Context, model: CausalLM, records: Sequence[Record]) -> dict[str, float]:
    """Return token accuracy by record, averaged over its trained forms."""
    found: dict[str, list[float]] = {}
    signals = context.signals.scores(model, records, context.trained_forms)
    for (record, _), signal in signals.items():
        found.setdefault(record, []).append(float(signal.hits.mean()))
    return {record: float(np.mean(own)) for record, own in found.items()}


def _loss(
    context: Context, name: str, before: dict[str, float], after: dict[str, float]
) -> Estimate:
    """Return the relative loss of token accuracy, one-sided bounds at the profile's level."""
    rows = np.array([[before[record], after[record]] for record in before])
    value, low, high = bca_interval(
        rows, _relative_loss, 1.0 - 2.0 * context.profile.alpha, context.job.seed
    )
    return Estimate(f"Loss of token accuracy, {name}", value, low, high, context.profile.utility)


def _relative_loss(rows: Floats) -> Floats:
    before, after = np.moveaxis(rows.mean(axis=-2), -1, 0)
    return np.asarray((before - after) / np.maximum(before, 1e-9))


def _verdict(estimates: Sequence[Estimate]) -> tuple[Verdict, tuple[str, ...]]:
    fails, unclear = [], []
    for item in estimates:
        margin = item.margin or 0.0
        low = item.value if item.low is None else item.low
        high = item.value if item.high is None else item.high
        text = f"{item.name}: {item.value:.1%}, between {low:.1%} and {high:.1%}"
        if low > margin:
            fails.append(f"{text}; more than {margin:.0%} is lost")
        elif high > margin:
            unclear.append(f"{text}; a loss above {margin:.0%} cannot be ruled out")
    if fails:
        return Verdict.FAIL, tuple(fails)
    if unclear:
        return Verdict.INCONCLUSIVE, (*unclear, "more retained records would settle it")
    return Verdict.PASS, ()


def _chart(context: Context, sets: dict[str, list[Record]]) -> Chart:
    series: dict[str, tuple[float, ...]] = {}
    asked = {name: own for name, own in sets.items() if len(own) >= FEWEST}
    for label, model in (("before", context.original), ("after", context.candidate)):
        series[label] = tuple(
            float(np.mean(list(_quality(context, model, own).values()))) for own in asked.values()
        )
    return Chart(
        kind="bars",
        title="What must be kept",
        x_label="records",
        y_label="token accuracy",
        x=tuple(asked),
        series=series,
    )
