"""A report as plain text, for a terminal: the verdict, why, what was tried, what it cost."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from contract.report import CheckResult, Report, Verdict

WIDTH = 92
_MARKS = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "FAILED",
    Verdict.INCONCLUSIVE: "open",
    Verdict.INVALID: "invalid",
    Verdict.NOT_APPLICABLE: "no case",
}


def text_of(report: Report) -> str:
    """Return the report in plain lines, none of which holds a record's text."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    tier = f" (tier {report.tier.value})" if report.tier else ""
    yield f"{report.verdict.value.upper().replace('_', ' ')}{tier}"
    yield from _wrapped(report.summary)
    yield from _listed("Why", report.reasons)
    yield from _listed("What would resolve it", report.remedies)
    if report.gates:
        yield "\nWhat it rests on"
        yield from (_row(gate.verdict, gate.title) for gate in report.gates)
    for title, wanted in (("What decides", True), ("For information", False)):
        results = [item for item in report.checks if item.mandatory is wanted]
        if results:
            yield f"\n{title}"
            yield from (line for result in results for line in _result(result))
    yield from _listed("What this does not show", report.limits)
    yield (
        f"\nProfile {report.profile} {report.profile_version}; {report.records} records against "
        f"{report.twins} of {report.twin_subjects} never-trained people; "
        f"{report.forward_passes} forward passes, {report.tokens} tokens, {report.seconds:.1f} s."
    )


def _row(verdict: Verdict, text: str) -> str:
    return f"  {_MARKS[verdict]:<8}{text}"


def _result(result: CheckResult) -> Iterator[str]:
    attack = f" ({result.attack})" if result.attack else ""
    yield _row(result.verdict, result.title + attack)
    yield from _wrapped(result.reading, " " * 10)


def _listed(title: str, texts: Iterable[str]) -> Iterator[str]:
    found = list(texts)
    if found:
        yield f"\n{title}"
    for text in found:
        yield from _wrapped(text, "    ", "  - ")


def _wrapped(text: str, indent: str = "", first: str | None = None) -> Iterator[str]:
    head = indent if first is None else first
    yield from textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=indent)
