"""What the verifier wrote and drew in English, in the language of the page.

The phrasebook of the certificates knows its sentences. A page has room for what the book does not
know: it stands there in English, and is marked as English.
"""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext

from contract.drawing import charts, forest
from contract.report import Chart, Report
from expunge.certificates.phrases import Unspoken, said
from expunge.certificates.readings import tongue
from expunge.certificates.translated import Speaker

register = template.Library()
ORIGINAL = "en"


@register.filter
def spoken(sentence: str) -> str:
    """Return a sentence in the language of the page, or as it is and marked as English."""
    try:
        return said(sentence, _language())
    except Unspoken:
        return format_html('<span lang="{}">{}</span>', ORIGINAL, sentence)


@register.filter
def attack_said(label: str) -> str:
    """Return the label of an attack as words."""
    words = label.replace("_", " ").replace("-", " ")
    return words if _language() == ORIGINAL else Speaker(_language()).attack(label)


@register.simple_tag
def chart_figure(chart: Chart) -> SafeString:
    """Return a chart with its title; every text in it is escaped where it is drawn."""
    known = next(iter(Speaker(_language()).charts([chart])), None)
    shown = known or chart
    drawn = charts.chart_svg(shown, tongue=tongue()) if known else charts.chart_svg(chart)
    return _figure(shown.title, drawn, _language() if known else ORIGINAL)


@register.simple_tag
def forest_figure(report: Report) -> SafeString | str:
    """Return every estimate against its margin as a chart; nothing when none has a margin."""
    speaker = Speaker(_language())
    title = gettext("Every estimate against its margin")
    checks = [speaker.check(check) for check in report.checks]
    drawn = forest.forest_svg(title, checks, tongue=tongue())
    return _figure(title, drawn, _language()) if drawn else ""


def _figure(title: str, drawn: str, language: str) -> SafeString:
    return format_html(
        '<figure class="chart" lang="{}"><figcaption>{}</figcaption>{}</figure>',
        language,
        title,
        mark_safe(drawn),  # noqa: S308 - our own SVG, escaped there
    )


def _language() -> str:
    return (get_language() or ORIGINAL).partition("-")[0]
