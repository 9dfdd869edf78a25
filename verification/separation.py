"""How well a score tells the forgotten records from never-trained ones: numbers and verdict.

Shared by every membership attack. The person is one cluster: standard errors are widened by the
design effect that whole twin persons show. The area under the ROC curve (AUC) must be *shown* to
lie within a margin of one half (Wellek's Mann-Whitney equivalence), and both sides count: a
record that is stranger to the model than a stranger's gives the person away as well.

True positives at few false alarms (Carlini et al. 2022, arXiv 2112.03570) are descriptive: with
m twin records no rate of false alarms below 1/m can be resolved, their Clopper-Pearson interval
takes records as independent, and twenty of them bound little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from contract.report import Chart, Estimate, Verdict
from verification.scores import priv_leak
from verification.statistics import (
    clopper_pearson,
    design_effect,
    leak_p_value,
    mann_whitney_equivalence,
    tpr_at_fpr,
)
from verification.statistics.samples import Floats

TWIN_PEOPLE = 2
"""Fewest twin persons: a scatter between people needs two."""
_HALF = 0.5


@dataclass(frozen=True)
class Scored:
    """One score of every forgotten fact, and of every twin person's facts (higher: member)."""

    forget: Floats
    twins: Sequence[Floats]

    @property
    def pool(self) -> Floats:
        """Return the scores of all twins' facts."""
        return np.concatenate(list(self.twins))

    @property
    def enough(self) -> bool:
        """Tell whether there is something to compare: two facts, two twin persons."""
        return self.forget.size >= TWIN_PEOPLE and len(self.twins) >= TWIN_PEOPLE


def area(name: str, scored: Scored, margin: float, alpha: float) -> Estimate:
    """Return the AUC with its interval, leak p-value and equivalence p-value."""
    widening = design_effect(scored.twins)
    found = mann_whitney_equivalence(scored.forget, scored.pool, margin, alpha, widening)
    leak = leak_p_value(scored.forget, scored.pool, widening)
    return Estimate(name, found.auc, found.low, found.high, margin, leak, found.p_value, null=_HALF)


def caught(name: str, scored: Scored, level: float, alpha: float) -> Estimate:
    """Return the share of facts caught at a rate of false alarms strictly below ``level``."""
    count = scored.forget.size
    rate = tpr_at_fpr(scored.forget, scored.pool, level)
    low, high = clopper_pearson(round(rate * count), count, 1.0 - alpha)
    finest = f"finest step {1.0 / scored.pool.size:.1%}"
    label = f"{name}: share caught at fewer than {level:.0%} false alarms ({finest})"
    return Estimate(label, rate, low, high, null=level)


def privacy_leak(found: Estimate, references: Sequence[float] = ()) -> Estimate:
    """Return MUSE's PrivLeak from an AUC's estimate, against the mean AUC of reference models."""
    base = float(np.mean(references)) if references else _HALF
    value, *ends = (
        priv_leak(item, base) for item in (found.value, found.low or 0.0, _or_one(found.high))
    )
    kind = "against the references" if references else "against a reference of one half"
    return Estimate(f"PrivLeak {kind}, in percent (descriptive)", value, min(ends), max(ends))


def separation_verdict(
    estimates: Sequence[Estimate], alpha: float
) -> tuple[Verdict, tuple[str, ...]]:
    """Fail on an interval wholly beyond its margin, pass when every AUC is shown within it."""
    reasons = []
    for item in estimates:
        margin = item.margin or 0.0
        if (item.low or 0.0) > _HALF + margin:
            reasons.append(f"{item.name}: the records are still recognised ({item.value:.2f})")
        elif _or_one(item.high) < _HALF - margin:
            reasons.append(
                f"{item.name}: the records are stranger to the model than a stranger's "
                f"({item.value:.2f}); over-forgetting gives the person away too"
            )
    if reasons:
        return Verdict.FAIL, tuple(reasons)
    unclear = [item for item in estimates if _or_one(item.p_equivalence) >= alpha]
    if unclear:
        return Verdict.INCONCLUSIVE, tuple(
            f"{item.name}: {item.value:.2f}, not shown to lie within {item.margin:g} of "
            "one half; more records or more twins would settle it"
            for item in unclear
        )
    return Verdict.PASS, ()


def odds(found: Estimate) -> str:
    """Return how often an attacker picks the right one of two records, as a percentage.

    Who finds that records are *stranger* than a stranger's guesses the other way round.
    """
    return f"{max(found.value, 1.0 - found.value):.0%}"


def distribution(title: str, x_label: str, series: Mapping[str, Floats], bins: int) -> Chart:
    """Return histograms on one scale, from 0 (or the least value) to all but the top 1 %."""
    together = np.concatenate(list(series.values()))
    low, high = min(0.0, float(together.min())), float(np.quantile(together, 0.99))
    edges = np.linspace(low, max(high, low + 1e-6), bins + 1)
    return Chart(
        kind="distribution",
        title=title,
        x_label=x_label,
        y_label="share of facts",
        x=tuple(round(float(edge), 4) for edge in edges),
        series={
            name: tuple(
                float(part)
                for part in np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
                / values.size
            )
            for name, values in series.items()
        },
    )


def areas_chart(before: Sequence[Estimate], after: Sequence[Estimate]) -> Chart:
    """Return each attack's AUC on the original and on the candidate."""
    return Chart(
        kind="bars",
        title="How often each attack picks the right one of two records (one half is guessing)",
        x_label="attack",
        y_label="AUC",
        x=tuple(item.name.removesuffix(", AUC") for item in after),
        series={
            "before": tuple(item.value for item in before),
            "after": tuple(item.value for item in after),
        },
    )


def _or_one(value: float | None) -> float:
    return 1.0 if value is None else value
