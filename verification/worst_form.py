"""Many ways to get at the same facts, judged by the worst of them.

For every wording (or measure, or grade of knowledge) the share of the original's excess over
never-trained twins that is still there is estimated, with bounds. The rules, all fixed on the
original alone:

* a wording *answers* when the original scores the person clearly above the twins in it;
* it *counts* when, besides, that excess is so large against the scatter that a model that never
  saw the person would be shown to stay within the margin at least nine times of ten. Wordings
  that do not count measure too little with this many records; they can fail a model but never
  pass one.

FAIL: some answering wording's lower bound, at a level divided by their number, is above the
margin. PASS: every counting wording's upper bound is within it. The leak p-value is that of the
*maximum* over all answering wordings (:func:`verification.statistics.worst_column_p_value`).

The margin is wider than that of a single fixed wording: the worst of twenty is an extreme by
itself. What hides below it is for the leak p-value to find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contract.report import Chart, CheckResult, Estimate, Verdict
from verification.probing import Panel
from verification.spec import Context
from verification.statistics import (
    NoGapError,
    design_effect,
    residual_fraction_against_twins,
    worst_column_p_value,
)

MARGIN = 0.35
"""Share of the original's excess that may be left in the worst wording."""
CLEAR = 3.0
"""Standard errors above the twins from which on the original answers."""
_PASS_Z, _POWER_Z = 1.645, 1.282
"""Normal quantiles of a one-sided test at 5 % and of its power of 90 %."""
FEWEST = 3


@dataclass(frozen=True)
class Standing:
    """What the original shows in one column: its excess over the twins and that excess's error."""

    name: str
    gap: float
    error: float

    @property
    def answers(self) -> bool:
        """Say whether the original answers in it."""
        return self.gap > CLEAR * self.error

    @property
    def counts(self) -> bool:
        """Say whether absence can be shown in it."""
        return self.answers and self.gap * MARGIN >= (_PASS_Z + _POWER_Z) * self.error


@dataclass(frozen=True)
class Finding:
    """The verdict over all columns, with what it rests on."""

    verdict: Verdict
    reasons: tuple[str, ...]
    estimates: tuple[Estimate, ...]
    counted: tuple[str, ...]
    worst: Estimate | None


def standings(before: Panel) -> tuple[Standing, ...]:
    """Return the standing of every column of the original's panel, best first."""
    found = []
    for name in before.columns:
        own, twins = before.column(name)
        if own.size < FEWEST or len(twins) < 2:  # noqa: PLR2004 - a scatter needs two persons
            continue
        pool = np.concatenate(twins)
        spread = max(float(pool.std(ddof=1)), float(own.std(ddof=1)))
        error = spread * design_effect(twins) * float(np.sqrt(1 / own.size + 1 / pool.size))
        found.append(Standing(name, float(own.mean() - pool.mean()), error))
    return tuple(sorted(found, key=lambda item: -item.gap / max(item.error, 1e-9)))


def answering(found: Sequence[Standing]) -> tuple[str, ...]:
    """Return the names of the columns in which the original answers."""
    return tuple(item.name for item in found if item.answers)


def judged(
    context: Context, found: Sequence[Standing], before: Panel, after: Panel, what: str
) -> Finding:
    """Hold the candidate's panel against the original's in every column that answers."""
    names = answering(found)
    counted = {item.name for item in found if item.counts}
    alpha = context.profile.alpha
    wide, strict, fails, unclear = [], {}, [], []
    for name in names:
        try:
            wide.append(_left(context, before, after, name, alpha))
            strict[name] = _left(context, before, after, name, alpha / len(names))
        except NoGapError:
            counted.discard(name)
    for item in wide:
        text = f"{item.name}: {item.value:.0%} of what the original showed is left"
        if (strict[item.name].low or 0.0) > MARGIN:
            fails.append(f"{text}, at least {strict[item.name].low:.0%}")
        elif item.name in counted and (item.high or 0.0) > MARGIN:
            unclear.append(f"{text}; up to {item.high:.0%} cannot be ruled out")
    shown = [item for item in wide if item.name in counted]
    worst = max(shown or wide, key=lambda item: item.value, default=None)
    estimates = (*_leak(context, after, names, worst, what), *wide)
    verdict, reasons = _verdict(fails, unclear, shown, what)
    return Finding(verdict, reasons, estimates, tuple(item.name for item in shown), worst)


def _left(context: Context, before: Panel, after: Panel, name: str, alpha: float) -> Estimate:
    own, twins = after.column(name)
    old, old_twins = before.column(name)
    value, low, high = residual_fraction_against_twins(
        own, old, twins, old_twins, confidence=1.0 - 2.0 * alpha, seed=context.job.seed
    )
    return Estimate(name, value, low, high, MARGIN)


def _leak(
    context: Context, after: Panel, names: Sequence[str], worst: Estimate | None, what: str
) -> tuple[Estimate, ...]:
    if worst is None:
        return ()
    places = [after.columns.index(name) for name in names]
    p_value = worst_column_p_value(
        after.own[:, places], [group[:, places] for group in after.twins], context.job.seed
    )
    name = f"Worst {what}: {worst.name}"
    return (Estimate(name, worst.value, worst.low, worst.high, MARGIN, p_leak=p_value),)


def _verdict(
    fails: Sequence[str], unclear: Sequence[str], shown: Sequence[Estimate], what: str
) -> tuple[Verdict, tuple[str, ...]]:
    if fails:
        return Verdict.FAIL, tuple(fails)
    if not shown:
        reason = (
            f"in no {what} does the original answer so clearly that absence could be shown with "
            "this many records; more records or twins would settle it"
        )
        return Verdict.INCONCLUSIVE, (reason,)
    if unclear:
        return Verdict.INCONCLUSIVE, (*unclear, "more records or twins would settle it")
    return Verdict.PASS, ()


def shown_before(found: Sequence[Standing], what: str) -> tuple[Estimate, ...]:
    """Return the original's mean score above the twins in every column, answering or not."""
    answers = set(answering(found))
    return tuple(
        Estimate(
            item.name if item.name in answers else f"{item.name} (this {what} measures nothing)",
            item.gap,
            item.gap - _PASS_Z * item.error,
            item.gap + _PASS_Z * item.error,
        )
        for item in found
    )


def silent(check: str, title: str, what: str, found: Sequence[Standing], count: int) -> CheckResult:
    """Return the result when the original answers in no column: the question has no meaning.

    Too few records or twins to tell is another matter, and open.
    """
    if not found:
        return CheckResult(
            check=check,
            title=title,
            verdict=Verdict.INCONCLUSIVE,
            reading="There are too few records or never-trained people to compare with.",
            reasons=(f"at least {FEWEST} records and twins of two people are needed; add some",),
            records=count,
        )
    return CheckResult(
        check=check,
        title=title,
        verdict=Verdict.NOT_APPLICABLE,
        reading=(
            f"Already the original model answers in no {what} better for this person than for "
            "people it never saw; there is nothing here that could have been removed."
        ),
        reasons=(f"none of {len(found)} ways to ask draws anything from the original",),
        records=count,
    )


def means_chart(
    titles: tuple[str, str, str], names: Sequence[str], before: Panel, after: Panel
) -> Chart:
    """Return the mean score per column: the person before and after, and the twins after.

    ``titles`` are those of the chart, of its columns and of its values.
    """

    def mean(panel: Panel, name: str, *, twins: bool = False) -> float:
        own, others = panel.column(name)
        return float(np.concatenate(others).mean() if twins else own.mean())

    return Chart(
        kind="bars",
        title=titles[0],
        x_label=titles[1],
        y_label=titles[2],
        x=tuple(names),
        series={
            "before": tuple(mean(before, name) for name in names),
            "after": tuple(mean(after, name) for name in names),
            "never trained": tuple(mean(after, name, twins=True) for name in names),
        },
    )
