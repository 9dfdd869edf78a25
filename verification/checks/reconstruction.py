"""Does the deleted detail come back when the places around it are named, step by step?

MedForget's reconstruction attack: the question is asked first with nobody named, then with one
more level of the record's hierarchy at every step (institution, patient, study, section). In the
original the preference for the true answer rises along the way. Two things are judged against
never-trained twins, asked the same way: the *recovery* at every step (the share of the original's
excess that is there; the worst step decides) and the *trend*: whether the person's facts rise
from step to step more than the twins' (Page's L of each fact, exact rank test of the person
against the twins; Page 1963). A trend that others show too is context being useful, not memory.

Limits: the published prompts are not available; the ladder is made from the records' own paths,
so it has as many steps as the hierarchy is deep, and a name that no question holds enters through
the line of context alone. With one level there are two steps and hardly a trend.
"""

from __future__ import annotations

import numpy as np
from pydantic.dataclasses import dataclass

from contract.record import FROZEN
from contract.report import Chart, CheckResult, Estimate, Verdict
from verification.families.causal_lm import CausalLM
from verification.probes.fact import Question
from verification.probes.hierarchy import ladder
from verification.probing import Asked, Panel, Sample, panel_of, preferences
from verification.registry import check
from verification.spec import Context
from verification.statistics import design_effect, leak_p_value, page_trend
from verification.worst_form import Finding, judged, shown_before, silent, standings

TITLE = "Reconstruction: do the details come back when the context is named?"


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``twin_records``: how many records of never-trained people are asked for comparison."""

    twin_records: int = 72


@check(
    title=TITLE,
    question="Does naming institution, person, study and section bring the details back?",
    source="MedForget (reconstruction attack); Page 1963",
    access="log-probabilities",
)
def reconstruction(context: Context, settings: Settings) -> tuple[CheckResult, ...]:
    """Climb the hierarchy in both models and compare the curves with the twins'."""
    sample = Sample.of(context, settings.twin_records)
    questions: dict[Asked, Question] = {
        (fact.record, _step(known)): question
        for fact in sample.everyone
        for known, question in enumerate(ladder(fact))
        if question.wrong
    }
    deepest = max((len(fact.path) for fact in sample.everyone), default=0)
    names = tuple(_step(known) for known in range(deepest + 1))
    before = _panel(context, context.original, sample, questions, names)
    found = standings(before)
    if not any(item.answers for item in found):
        return (silent("reconstruction", TITLE, "step", found, len(sample.own)),)
    after = _panel(context, context.candidate, sample, questions, names)
    finding = judged(context, found, before, after, "step")
    return (
        CheckResult(
            check="reconstruction",
            title=TITLE,
            verdict=finding.verdict,
            reading=_reading(finding, len(names)),
            reasons=finding.reasons,
            estimates=(*finding.estimates, *_trend(after)),
            before=(*shown_before(found, "step"), *_trend(before)),
            records=len(sample.own),
            controls=sample.strangers,
            charts=(_chart(names, before, after),),
        ),
    )


def _step(known: int) -> str:
    return "Nobody named" if known == 0 else f"{known} level{'s' if known > 1 else ''} named"


def _panel(
    context: Context,
    model: CausalLM,
    sample: Sample,
    questions: dict[Asked, Question],
    names: tuple[str, ...],
) -> Panel:
    return panel_of(sample, names, preferences(context, model, questions))


def _trend(panel: Panel) -> tuple[Estimate, ...]:
    """Return the person's mean standardised trend above the twins', with its leak test."""
    whole = np.isfinite(panel.own).all(axis=1)
    twins = [group[np.isfinite(group).all(axis=1)] for group in panel.twins]
    twins = [group for group in twins if len(group)]
    if not whole.any() or not twins:
        return ()
    own = page_trend(panel.own[whole])
    others = [page_trend(group) for group in twins]
    pool = np.concatenate(others)
    widening = design_effect(others) if len(others) > 1 else 1.0
    return (
        Estimate(
            "Rise from step to step above the twins' (Page)",
            float(own.mean() - pool.mean()),
            p_leak=leak_p_value(own, pool, widening),
        ),
    )


def _reading(finding: Finding, steps: int) -> str:
    worst = finding.worst
    left = f"{max(worst.value, 0.0):.0%}" if worst else "nothing"
    text = (
        f"The details were asked for in {steps} steps, from nobody named to the whole place in the "
        f"hierarchy. At the worst step {left} of what the original knew comes back"
    )
    if finding.verdict is Verdict.PASS:
        return f"{text}; no more than the margin allows, compared with people it never saw."
    if finding.verdict is Verdict.FAIL:
        return f"{text}: whoever knows where the record stood can reconstruct it."
    return f"{text}. With this many records that is not enough to call it gone."


def _chart(names: tuple[str, ...], before: Panel, after: Panel) -> Chart:
    def curve(panel: Panel, *, twins: bool) -> tuple[float, ...]:
        found = []
        for name in names:
            own, others = panel.column(name)
            found.append(float((np.concatenate(others) if twins else own).mean()))
        return tuple(found)

    return Chart(
        kind="curve",
        title="Recovery as more of the context is named",
        x_label="levels of the hierarchy named",
        y_label="nats per token above answers of the same kind",
        x=tuple(float(step) for step in range(len(names))),
        series={
            "before": curve(before, twins=False),
            "after": curve(after, twins=False),
            "never trained": curve(after, twins=True),
        },
    )
