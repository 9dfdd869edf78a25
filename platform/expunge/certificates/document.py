"""A statement as its reader meets it: words, rows and charts, made from the statement alone.

The templates only place what stands here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from contract.catalog import Effect
from contract.drawing.charts import chart_svg
from contract.report import Chart, CheckResult, Estimate, Gate, Report, Verdict
from expunge.certificates.facts import FACTS, AttemptFacts, CertificateFacts, ModelFacts
from expunge.certificates.kinds import WORDING, Kind, Wording, model_kind

VERDICT_WORDS: Mapping[Verdict, str] = {
    Verdict.PASS: "Passed",
    Verdict.FAIL: "Failed",
    Verdict.INCONCLUSIVE: "Not decided",
    Verdict.INVALID: "Not valid",
    Verdict.NOT_APPLICABLE: "Not applicable",
}
EFFECT_WORDS: Mapping[Effect, str] = {
    Effect.EXACT: "exact: the data takes no part in what is served",
    Effect.REMOVAL: "removal from the weights, to be shown by evidence",
    Effect.WEIGHT_SUPPRESSION: "suppression of answers in the weights",
    Effect.SERVE_SUPPRESSION: "suppression of answers where the model is served",
}
OUTCOME_WORDS: Mapping[Kind, str] = {
    Kind.ERASURE: "Erased",
    Kind.BEHAVIOURAL: "Behaviour removed",
    Kind.CONTAINMENT: "Contained only",
    Kind.NOT_VERIFIED: "Not verified",
}
PRINT_WIDTH = 330
MINUTE, HOUR = 60, 3600
SMALL, LARGE = 1e-3, 1e4


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
    findings: Sequence[str]
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class ChartView:
    """A chart and the words above it."""

    title: str
    svg: SafeString


@dataclass(frozen=True)
class ModelView:
    """One model: before and after, its attempts, and the verification that decided."""

    title: str
    facts: ModelFacts
    kind: Kind
    outcome: str
    decided_by: str
    attempts: Sequence[AttemptView]
    checks: Sequence[CheckView]
    gates: Sequence[tuple[Gate, str]]
    charts: Sequence[ChartView]
    report: Report | None


@dataclass(frozen=True)
class Document:
    """The whole page model of a statement; ``facts.limits`` holds those of the reports too."""

    id: str
    number: str
    issuer: str
    issued_at: datetime
    log: str
    kind: Kind
    wording: Wording
    is_certificate: bool
    facts: CertificateFacts
    models: Sequence[ModelView]
    records: int

    @property
    def right(self) -> str:
        """Return the right that was exercised, in words."""
        return f"{self.facts.regime.upper()}, {self.facts.ground.replace('_', ' ')}"


def read_document(statement: bytes) -> Document:
    """Return the page model of a statement; raises ``ValueError`` when it is not one."""
    predicate: dict[str, Any] = json.loads(statement)["predicate"]
    names = {field.name for field in fields(CertificateFacts)}
    stated = {name: value for name, value in predicate.items() if name in names}
    stated["models"] = [
        {name: value for name, value in model.items() if name != "kind"}
        for model in stated["models"]
    ]
    facts = FACTS.validate_python(stated)
    kind = Kind(predicate["kind"])
    return Document(
        id=predicate["id"],
        number=predicate["number"],
        issuer=predicate["issuer"],
        issued_at=datetime.fromisoformat(predicate["issued_at"]),
        log=predicate["log"],
        kind=kind,
        wording=WORDING[kind],
        is_certificate=kind in {Kind.ERASURE, Kind.BEHAVIOURAL},
        facts=facts,
        models=[model_view(model) for model in facts.models],
        records=sum(part.records for part in facts.scope),
    )


def model_view(model: ModelFacts) -> ModelView:
    """Return how one model and its attempts read."""
    deciding = model.deciding
    report = deciding.report if deciding else None
    kind = model_kind(model)
    after = f", replaced by v{model.after_version}" if model.after_version else ""
    return ModelView(
        title=f"{model.name} v{model.version}{after}",
        facts=model,
        kind=kind,
        outcome=OUTCOME_WORDS[kind],
        decided_by=deciding.title if deciding else "no attempt",
        attempts=[attempt_view(attempt) for attempt in model.attempts],
        checks=[check_view(check) for check in report.checks] if report else [],
        gates=[(gate, VERDICT_WORDS[gate.verdict]) for gate in report.gates] if report else [],
        charts=_charts(report) if report else [],
        report=report,
    )


def attempt_view(attempt: AttemptFacts) -> AttemptView:
    """Return how one attempt reads."""
    report, result = attempt.report, attempt.result
    failure = (report and report.failure) or (result and result.failure)
    verdict = Verdict.FAIL if failure else attempt.verdict
    word = VERDICT_WORDS[verdict] if verdict else "Not verified"
    facts: list[tuple[str, str]] = []
    if attempt.requests > 1:
        facts += [("Requests in this run", f"{attempt.requests}, each verified by itself")]
    if result:
        facts += [("Time", duration(result.seconds)), ("Seed", str(result.seed))]
        facts += [("Settings", settings_text(result.settings))] if result.settings else []
    if report:
        facts.append(("Verified in", duration(report.seconds)))
    if attempt.preregistration:
        facts.append(("Plan fixed beforehand", attempt.preregistration))
    return AttemptView(
        number=attempt.number,
        title=attempt.title,
        effect=EFFECT_WORDS[attempt.effect],
        reason=attempt.reason,
        verdict=verdict or Verdict.INVALID,
        word="Could not be run" if failure else word,
        found=failure.message if failure else report.summary if report else "",
        findings=_findings(report) if report and not failure else [],
        facts=facts,
    )


def check_view(check: CheckResult) -> CheckView:
    """Return how one check reads."""
    before = {estimate.name: estimate for estimate in check.before}
    return CheckView(
        title=check.title,
        attack=attack_words(check),
        verdict=check.verdict,
        word=VERDICT_WORDS[check.verdict],
        reading=check.reading,
        reasons=check.reasons,
        mandatory=check.mandatory,
        rows=[_row(estimate, before.get(estimate.name)) for estimate in check.estimates],
    )


def duration(seconds: float) -> str:
    """Return a duration in words that fit its size."""
    if seconds < 1:
        return "under 1 s"
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min {seconds % MINUTE:.0f} s"
    return f"{seconds // HOUR:.0f} h {seconds % HOUR // MINUTE:.0f} min"


def quantity(value: float | None) -> str:
    """Return a number with three significant digits, or a dash where nothing was measured."""
    if value is None:
        return "\u2013"
    if value != 0 and (abs(value) < SMALL or abs(value) >= LARGE):
        return f"{value:.1e}"
    return f"{value:.3g}"


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return settings as one line, nested ones in brackets."""
    return ", ".join(
        f"{name.replace('_', ' ')} ({settings_text(value)})"
        if isinstance(value, Mapping)
        else f"{name.replace('_', ' ')} {value}"
        for name, value in settings.items()
        if value is not None
    )


def _charts(report: Report) -> list[ChartView]:
    """Return each chart once: checks after the same attack may carry the same one."""
    found: list[Chart] = []
    for chart in (chart for check in report.checks for chart in check.charts):
        if chart not in found:
            found.append(chart)
    # The SVG is built by us from escaped text: it is safe to place as it is.
    return [
        ChartView(chart.title, mark_safe(chart_svg(chart, width=PRINT_WIDTH)))  # noqa: S308
        for chart in found
    ]


def _findings(report: Report) -> list[str]:
    """Return what stood against a pass: the readings of the checks and gates that did."""
    against = {Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.INVALID}
    gates = [gate.reason for gate in report.gates if gate.verdict in against]
    checks = [
        f"{check.title}{f' ({attack_words(check)})' if check.attack else ''} {check.reading}"
        for check in report.checks
        if check.mandatory and check.verdict in against
    ]
    return gates + checks


def attack_words(check: CheckResult) -> str:
    """Return the attack that came before a check, in words."""
    return check.attack.replace("-", " ").replace("_", " ") if check.attack else ""


def _row(after: Estimate, before: Estimate | None) -> EstimateRow:
    interval = (
        f"{quantity(after.low)} to {quantity(after.high)}"
        if after.low is not None and after.high is not None
        else f"at least {quantity(after.low)}"
        if after.low is not None
        else f"at most {quantity(after.high)}"
        if after.high is not None
        else "\u2013"
    )
    return EstimateRow(
        name=after.name.replace("_", " ").replace("-", " "),
        before=quantity(before.value if before else None),
        after=quantity(after.value),
        interval=interval,
        margin=quantity(after.margin),
    )
