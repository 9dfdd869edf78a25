"""The parts of the page, from the verdict to the small print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from contract.drawing.charts import chart_svg
from contract.drawing.forest import forest_svg
from contract.page.numbers import cost_table, duration, estimates_table, whole
from contract.page.words import COST, FOREST, GLOSSARY, MARKS, TIERS, meaning
from contract.report import Chart, CheckResult, Report, Verdict

CHART_WIDTH = 340
MOST_REASONS = 8


def mark(verdict: Verdict) -> str:
    """Return a verdict as a word with a sign, in its tone."""
    tone, sign, word = MARKS[verdict]
    return f'<span class="mark {tone}"><span aria-hidden="true">{sign}</span> {word}</span>'


def named(result: CheckResult) -> str:
    """Return a check's title with the attack that came before it, as plain text."""
    if not result.attack:
        return result.title
    return f"{result.title} After {result.attack.replace('-', ' ').replace('_', ' ')}."


def decided(report: Report) -> str:
    """Return the verdict in one sentence, what it means, and the sizes behind it."""
    tone, sign, word = MARKS[report.verdict]
    tier = f": {TIERS[report.tier]}" if report.tier else ""
    facts = (
        ("Records to be forgotten", whole(report.records)),
        ("Never-trained people to compare with", whole(report.twin_subjects)),
        ("Their records", whole(report.twins)),
        ("Profile", f"{report.profile}, version {report.profile_version}"),
        ("Candidate for this request", f"number {report.earlier_attempts + 1}"),
    )
    return (
        f'<section class="verdict {tone}" aria-labelledby="verdict"><h2 id="verdict">'
        f'<span class="sign" aria-hidden="true">{sign}</span>{word}{escape(tier)}</h2>'
        f'<p class="lead">{escape(report.summary)}</p>'
        f"<p>{escape(meaning(report))}</p>{_facts(facts)}</section>"
    )


def resolved(report: Report) -> str:
    """Return what stands against a pass and what would resolve it."""
    if not report.reasons and not report.remedies:
        return ""
    shown, more = report.reasons[:MOST_REASONS], len(report.reasons) - MOST_REASONS
    rest = f'<p class="quiet">And {more} more, check by check below.</p>' if more > 0 else ""
    parts = [_list(report.remedies)] if report.remedies else []
    parts += ["<h3>What stands in the way</h3>", _list(shown), rest] if shown else []
    return _section("resolve", "What would resolve it", "".join(parts))


def tried(report: Report) -> str:
    """Return all checks at a glance: those that decide, then those that inform."""
    groups = (
        ("Checks that decide", [item for item in report.checks if item.mandatory]),
        ("Checks that inform and never decide", [i for i in report.checks if not i.mandatory]),
    )
    parts = [
        f'<h3>{title}</h3><ol class="glance">{"".join(_glance(item) for item in own)}</ol>'
        for title, own in groups
        if own
    ]
    if not parts:
        return ""
    return _section("tried", "What was tried, and what it found", "".join(parts))


def compared(report: Report) -> str:
    """Return every estimate against its margin."""
    drawing = forest_svg("Every estimate against its margin", report.checks, CHART_WIDTH)
    if not drawing:
        return ""
    return _section(
        "margins",
        "Every estimate against its margin",
        f'<p class="quiet">{FOREST}</p><figure class="chart wide">{drawing}</figure>',
    )


def detailed(report: Report) -> str:
    """Return each check with its reading, its numbers and its charts; no chart comes twice."""
    seen: list[Chart] = []
    articles = "".join(
        _article(place, item, seen) for place, item in enumerate(report.checks, start=1)
    )
    return _section("checks", "Check by check", articles) if articles else ""


def rested(report: Report) -> str:
    """Return the gates: what has to hold for a verdict to mean anything."""
    items = "".join(
        f"<li>{mark(gate.verdict)}<div><b>{escape(gate.title)}.</b> "
        f"{escape(_sentence(gate.reason))}</div></li>"
        for gate in report.gates
    )
    if not items:
        return ""
    return _section("gates", "What the verdict rests on", f'<ul class="gates">{items}</ul>')


def limited(report: Report) -> str:
    """Return what the verification does not show."""
    return (
        _section("limits", "What it does not show", _list(report.limits)) if report.limits else ""
    )


def spent(report: Report) -> str:
    """Return what the verification cost, check by check."""
    if not report.checks:
        return ""
    total = (
        "The whole verification",
        whole(report.forward_passes),
        whole(report.tokens),
        duration(report.seconds),
    )
    names = [named(item) for item in report.checks]
    text = f'<p class="quiet">{COST}</p>{cost_table(report.checks, names, total)}'
    return _section("cost", "What it cost", text)


def fixed(report: Report) -> str:
    """Return by what the report can be held to account: digests, levels, seeds and versions."""
    versions = ", ".join(f"{name} {number}" for name, number in report.versions.items())
    facts = (
        ("Plan, fixed before the model was seen", report.preregistration or "none"),
        ("Model before", report.original or "unknown"),
        ("Model examined", report.candidate or "none"),
        ("Level of each test", f"{report.alpha:.3g}"),
        ("Seed and device", f"{report.seed}, {report.device}"),
        ("Versions", versions or "unknown"),
        ("Format", report.schema),
    )
    return _section("record", "For the record", _facts(facts))


def explained() -> str:
    """Return the words that the page uses."""
    items = "".join(f"<dt>{escape(word)}</dt><dd>{escape(said)}</dd>" for word, said in GLOSSARY)
    return _section("words", "Words used here", f'<dl class="words">{items}</dl>')


def _article(place: int, result: CheckResult, seen: list[Chart]) -> str:
    fresh = list(_unseen(result.charts, seen))
    charts = "".join(
        f'<figure class="chart"><figcaption>{escape(chart.title)}</figcaption>'
        f"{chart_svg(chart, width=CHART_WIDTH)}</figure>"
        for chart in fresh
    )
    drawn = f'<div class="charts">{charts}</div>' if charts else ""
    informs = "" if result.mandatory else ' <span class="quiet">For information.</span>'
    compared_with = (
        f'<p class="quiet small">{whole(result.records)} records, compared with '
        f"{whole(result.controls)}.</p>"
        if result.controls
        else ""
    )
    return (
        f'<article id="check-{place}"><h3>{escape(named(result))}</h3>'
        f"<p>{mark(result.verdict)}{informs}</p><p>{escape(result.reading)}</p>"
        f"{_list(result.reasons)}{compared_with}{estimates_table(result)}"
        f"{drawn}</article>"
    )


def _unseen(charts: Sequence[Chart], seen: list[Chart]) -> Iterator[Chart]:
    for chart in charts:
        if chart not in seen:
            seen.append(chart)
            yield chart


def _glance(result: CheckResult) -> str:
    return (
        f"<li>{mark(result.verdict)}<div><b>{escape(named(result))}</b> "
        f"{escape(result.reading)}</div></li>"
    )


def _section(name: str, title: str, body: str) -> str:
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{title}</h2>{body}</section>'


def _list(texts: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(_sentence(text))}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    items = "".join(f"<div><dt>{name}</dt><dd>{escape(text)}</dd></div>" for name, text in facts)
    return f'<dl class="facts">{items}</dl>'


def _sentence(text: str) -> str:
    """Return a reason as a sentence: a capital at its start and a stop at its end."""
    whole_text = f"{text[:1].upper()}{text[1:]}"
    return whole_text if whole_text.endswith((".", "!", "?")) else f"{whole_text}."
