"""How much of a person's facts an attack brings back: lessons over several seeds, one estimate.

Every lesson gives an attacked model; the facts it may be asked are scored, the person's and the
twins' that were treated alike, and averaged over the seeds in which they were asked. The
statistic is the share of the original's memorisation gap that is there after the attack
(:mod:`verification.gap`); its interval covers facts and twin persons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from contract.record import Record
from contract.report import Chart, CheckResult, Estimate, Verdict
from verification.facts import scores_of
from verification.families.causal_lm import CausalLM
from verification.gap import Gap, Scores, gap_estimate, gap_verdict
from verification.lessons import Lesson
from verification.spec import Context
from verification.statistics import NoGapError

Attacked = Callable[[Lesson], Iterator[tuple[int, CausalLM]]]
"""Makes, of one lesson, the models to be asked, each with the number of steps taken."""
LABEL = "Share of the memorisation that is there after the attack"


@dataclass(frozen=True)
class Asked:
    """One attack, carried out with every seed: ``after`` holds the facts' scores by steps taken.

    Scores are above expectation, averaged over seeds.
    """

    lessons: tuple[Lesson, ...]
    after: Mapping[int, Scores]

    @classmethod
    def of(cls, context: Context, lessons: Sequence[Lesson], attacked: Attacked, gap: Gap) -> Asked:
        """Attack with every lesson and ask; raises ``NotFiniteError`` when a model breaks."""
        found: dict[int, dict[str, list[float]]] = {}
        for lesson in lessons:
            records = [*lesson.forget, *(record for unit in lesson.twins for record in unit)]
            for steps, model in attacked(lesson):
                rows = found.setdefault(steps, {})
                for record, row in scores_of(context, model, records).items():
                    rows.setdefault(record, []).append(row["bounded"] - gap.expected[record])
                context.signals.drop(model)
        after = {
            steps: {record: float(np.mean(values)) for record, values in rows.items()}
            for steps, rows in found.items()
        }
        return cls(tuple(lessons), after)

    def twins(self, level: int) -> list[list[Record]]:
        """Return the asked twin records, grouped by data subject."""
        groups: dict[tuple[str, ...], dict[str, Record]] = {}
        for lesson in self.lessons:
            for unit in lesson.twins:
                for record in unit:
                    groups.setdefault(record.subject(level), {})[record.id] = record
        return [list(group.values()) for group in groups.values()]


@dataclass(frozen=True)
class Attempt:
    """What to call an attack in a report: ``after`` completes "after ..., 30% is there again"."""

    check: str
    label: str
    title: str
    after: str


def recovery_result(
    context: Context, gap: Gap, attempt: Attempt, asked: Asked, steps: int
) -> CheckResult:
    """Judge what the attack brought back after so many steps."""
    twins = asked.twins(context.records.subject_level)
    try:
        estimate = gap_estimate(context, gap, asked.after[steps], LABEL, twins)
    except NoGapError:
        return unclear_result(context, attempt, "the original shows no memorisation gap")
    verdict, reasons = gap_verdict(estimate, over_forgetting=False)
    return CheckResult(
        check=attempt.check,
        title=attempt.title,
        verdict=verdict,
        reading=_reading(attempt.after, estimate, verdict),
        reasons=reasons,
        attack=attempt.label,
        estimates=(estimate,),
        records=len(context.records.forget),
        controls=sum(map(len, twins)),
        charts=(_chart(gap, attempt, asked),),
    )


def unclear_result(context: Context, attempt: Attempt, why: str) -> CheckResult:
    """Return the result of an attack that could not be carried out."""
    return CheckResult(
        check=attempt.check,
        title=attempt.title,
        verdict=Verdict.INCONCLUSIVE,
        reading="The attack could not be carried out, so nothing is known about it.",
        reasons=(why,),
        attack=attempt.label,
        records=len(context.records.forget),
    )


def _reading(after: str, estimate: Estimate, verdict: Verdict) -> str:
    back = f"{max(estimate.value, 0.0):.0%}"
    if verdict is Verdict.FAIL:
        return (
            f"After {after}, {back} of what the model had memorised is there again: it was "
            "hidden rather than removed."
        )
    if verdict is Verdict.PASS:
        return (
            f"After {after}, the person's facts are no easier to get than those of people the "
            "model never saw, treated alike."
        )
    return f"After {after}, about {back} is there; that is not certain enough."


def _chart(gap: Gap, attempt: Attempt, asked: Asked) -> Chart:
    """Return mean scores above expectation by step: the person's and the twins', and before."""
    forget = {record.id for lesson in asked.lessons for record in lesson.forget}
    twins = {record.id for lesson in asked.lessons for unit in lesson.twins for record in unit}

    def mean(scores: Scores, ids: set[str]) -> float:
        return float(np.mean([scores[item] for item in sorted(ids) if item in scores]))

    marks = sorted(asked.after)
    stages = [gap.after, *(asked.after[mark] for mark in marks)]
    return Chart(
        kind="curve",
        title=attempt.title,
        x_label="steps of the attack",
        y_label="knowledge above a stranger's (nats per token)",
        x=(0.0, *(float(mark) for mark in marks)),
        series={
            "this person": tuple(mean(scores, forget) for scores in stages),
            "never trained": tuple(mean(scores, twins) for scores in stages),
            "the original, for comparison": (mean(gap.original, forget),) * len(stages),
        },
    )
