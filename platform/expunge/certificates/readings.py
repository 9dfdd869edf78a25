"""Attempts and checks as the document tells them: the question, the answer, the numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext

from contract.drawing.charts import chart_svg
from contract.drawing.forest import forest_svg, sheets
from contract.drawing.tongue import ENGLISH, GERMAN
from contract.report import Chart, CheckResult, Estimate, Report, Verdict
from expunge.certificates.predicate import StatedAttempt
from expunge.certificates.translated import Speaker
from expunge.certificates.words import EFFECTS, VERDICTS, duration, interval, quantity

PRINT_WIDTH = 330
TALLEST = 560
"""Of a drawing in print: two of them stand side by side on little more than half a page."""
AGAINST = frozenset({Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.INVALID})


@dataclass(frozen=True)
class EstimateRow:
    """One statistic, before and after, with its interval and its margin, as text."""

    name: str
    before: str
    after: str
    interval: str
    margin: str


@dataclass(frozen=True)
class CheckView:
    """One check: the question, the answer in plain language, the numbers."""

    title: str
    attack: str
    verdict: str
    word: str
    reading: str
    reasons: Sequence[str]
    mandatory: bool
    rows: Sequence[EstimateRow]


@dataclass(frozen=True)
class AttemptView:
    """One attempt: why it was made, what it was, what the attacks found."""

    number: int
    title: str
    effect: str
    reason: str
    verdict: str
    word: str
    found: str
    findings: Sequence[tuple[str, str]]
    facts: Sequence[tuple[str, str]]
    digests: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class ChartView:
    """A chart and the words above it."""

    title: str
    svg: SafeString


def attempt_view(attempt: StatedAttempt, speaker: Speaker) -> AttemptView:
    """Return how one attempt reads."""
    report, result = attempt.report, attempt.result
    failure = (report and report.failure) or (result and result.failure)
    verdict = Verdict.FAIL if failure else attempt.verdict
    word = str(VERDICTS[verdict]) if verdict else gettext("Not verified")
    spoken = speaker.report(report) if report else None
    findings = _findings(spoken) if spoken and not failure else []
    found = _trouble(failure.message, speaker) if failure else spoken.summary if spoken else ""
    if findings:  # they follow one by one, so the sentence that lists their names is left out
        found = found.partition(". ")[0].removesuffix(".") + "."
    return AttemptView(
        number=attempt.number,
        title=speaker.sentence(attempt.title, attempt.method),
        effect=str(EFFECTS[attempt.effect]),
        reason=speaker.sentence(
            attempt.reason, gettext("The planner's reason is in the attached statement.")
        ),
        verdict=verdict or Verdict.INVALID,
        word=gettext("Could not be run") if failure else word,
        found=found,
        findings=findings,
        facts=_facts(attempt),
        digests=_digests(attempt),
    )


def _trouble(message: str, speaker: Speaker) -> str:
    return speaker.sentence(
        message, gettext("What stopped it is in the attached statement, in the program's words.")
    )


def _facts(attempt: StatedAttempt) -> list[tuple[str, str]]:
    report, result = attempt.report, attempt.result
    facts: list[tuple[str, str]] = []
    if attempt.requests > 1:
        shared = gettext("%(count)s, each verified by itself") % {"count": attempt.requests}
        facts += [(gettext("Requests in this run"), shared)]
    if result:
        facts += [(gettext("Time"), duration(result.seconds)), (gettext("Seed"), str(result.seed))]
        facts += [(gettext("Settings"), settings_text(result.settings))] if result.settings else []
    if report:
        facts.append((gettext("Verified in"), duration(report.seconds)))
    return facts


def _digests(attempt: StatedAttempt) -> list[tuple[str, str]]:
    """Return what the technical annex says of an attempt: digests, versions of the code."""
    versions = attempt.result.versions if attempt.result else {}
    named = (
        (gettext("Plan fixed beforehand"), attempt.preregistration),
        (gettext("Record of the method"), attempt.evidence.result),
        (gettext("Report of the verifier"), attempt.evidence.report),
        (gettext("Code"), ", ".join(f"{name} {number}" for name, number in versions.items())),
    )
    return [(name, text) for name, text in named if text]


def check_view(check: CheckResult) -> CheckView:
    """Return how one check reads."""
    before = {estimate.name: estimate for estimate in check.before}
    return CheckView(
        title=check.title,
        attack=check.attack or "",
        verdict=check.verdict,
        word=str(VERDICTS[check.verdict]),
        reading=check.reading,
        reasons=check.reasons,
        mandatory=check.mandatory,
        rows=[_row(estimate, before.get(estimate.name)) for estimate in check.estimates],
    )


def gate_views(report: Report) -> list[Sequence[str]]:
    """Return the conditions of a report: title, reason, verdict, word."""
    return [
        (gate.title, gate.reason, gate.verdict, str(VERDICTS[gate.verdict]))
        for gate in report.gates
    ]


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return settings as one line, nested ones in brackets; their names are those of the code."""
    return ", ".join(
        f"{name} ({settings_text(value)})" if isinstance(value, Mapping) else f"{name} {value}"
        for name, value in settings.items()
        if value is not None
    )


def charts(report: Report) -> list[ChartView]:
    """Return each chart once: checks after the same attack may carry the same one."""
    found: list[tuple[Chart, str | None]] = []
    for check in report.checks:
        known = [chart for chart, _ in found]
        found += [(chart, check.attack) for chart in check.charts if chart not in known]
    titles = Counter(chart.title for chart, _ in found)
    return [
        _drawn(
            _after(chart.title, attack if titles[chart.title] > 1 else None),
            chart_svg(chart, width=PRINT_WIDTH, tongue=tongue()),
        )
        for chart, attack in found
    ]


def forests(report: Report) -> list[ChartView]:
    """Return the drawings of every deciding estimate against its margin, if there is any."""
    whole = gettext("Every estimate against its margin")
    deciding = [check for check in report.checks if check.mandatory]
    parts = sheets(deciding, TALLEST, PRINT_WIDTH, tongue())
    found = []
    for number, part in enumerate(parts, 1):
        title = whole
        if len(parts) > 1:
            title = f"{whole} ({number}/{len(parts)})"
        found.append(_drawn(title, forest_svg(title, part, PRINT_WIDTH, tongue())))
    return found


def _drawn(title: str, svg: str) -> ChartView:
    # The SVG is built by us from escaped text: it is safe to place as it is.
    return ChartView(title, mark_safe(svg))  # noqa: S308


def tongue() -> Any:
    """Return how the language of the text writes numbers, and its words in drawings."""
    return GERMAN if (get_language() or "").startswith("de") else ENGLISH


def _findings(report: Report) -> list[tuple[str, str]]:
    """Return what stood against a pass: the checks and gates that did, and what they read."""
    gates = [(gate.title, gate.reason) for gate in report.gates if gate.verdict in AGAINST]
    checks = [
        (_after(check.title, check.attack), check.reading)
        for check in report.checks
        if check.mandatory and check.verdict in AGAINST
    ]
    return gates + checks


def _after(title: str, attack: str | None) -> str:
    if not attack:
        return title
    return gettext("%(title)s (after %(attack)s)") % {"title": title, "attack": attack}


def _row(after: Estimate, before: Estimate | None) -> EstimateRow:
    return EstimateRow(
        name=after.name,
        before=quantity(before.value if before else None),
        after=quantity(after.value),
        interval=interval(after),
        margin=quantity(after.margin),
    )
