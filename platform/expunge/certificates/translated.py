"""A report in the language of the document: every sentence said, or replaced by its verdict.

What the phrasebook cannot say is left out rather than printed in another language: a reading
becomes what its verdict means, a reason or a limit falls away and is counted, a chart whose labels
are unknown is not drawn. All of it stands in the attached statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from contract.report import Chart, CheckResult, Estimate, Gate, Report
from expunge.certificates.phrases import Unspoken, attack_words, said
from expunge.certificates.words import UNSPOKEN


@dataclass
class Speaker:
    """Says the sentences of reports in one language, and counts those it left out."""

    language: str
    left_out: int = field(default=0)

    def report(self, report: Report) -> Report:
        """Return a report in the language."""
        return replace(
            report,
            summary=self.sentence(report.summary, str(UNSPOKEN[report.verdict])),
            gates=tuple(self._gate(gate) for gate in report.gates),
            checks=tuple(self.check(check) for check in report.checks),
            limits=tuple(self._known(report.limits)),
        )

    def check(self, check: CheckResult) -> CheckResult:
        """Return a check in the language."""
        return replace(
            check,
            title=self.sentence(check.title, check.check),
            attack=self.attack(check.attack) if check.attack else None,
            reading=self.sentence(check.reading, str(UNSPOKEN[check.verdict])),
            reasons=tuple(self._known(check.reasons)),
            estimates=tuple(self._estimate(item) for item in check.estimates),
            before=tuple(self._estimate(item) for item in check.before),
            charts=tuple(self.charts(check.charts)),
        )

    def attack(self, label: str) -> str:
        """Return the label of an attack as words; an unknown one as its code."""
        try:
            return attack_words(label, self.language)
        except Unspoken:
            return label

    def sentence(self, sentence: str, otherwise: str) -> str:
        """Return a sentence in the language, or what stands in for it."""
        try:
            return said(sentence, self.language)
        except Unspoken:
            self.left_out += 1
            return otherwise

    def _gate(self, gate: Gate) -> Gate:
        return replace(
            gate,
            title=self.sentence(gate.title, gate.name),
            reason=self.sentence(gate.reason, str(UNSPOKEN[gate.verdict])),
        )

    def _estimate(self, estimate: Estimate) -> Estimate:
        name = estimate.name.replace("_", " ")
        return replace(estimate, name=self.sentence(name, name))

    def _known(self, sentences: Sequence[str]) -> Iterator[str]:
        for sentence in sentences:
            if found := self.sentence(sentence, ""):
                yield found

    def charts(self, charts: Sequence[Chart]) -> Iterator[Chart]:
        """Return the charts whose every word is known, in the language."""
        for chart in charts:
            try:
                yield self._chart(chart)
            except Unspoken:
                self.left_out += 1

    def _chart(self, chart: Chart) -> Chart:
        def label(text: str) -> str:
            return said(text, self.language)

        return replace(
            chart,
            title=label(chart.title),
            x_label=label(chart.x_label),
            y_label=label(chart.y_label),
            x=tuple(label(item) if isinstance(item, str) else item for item in chart.x),
            series={label(name): values for name, values in chart.series.items()},
        )
