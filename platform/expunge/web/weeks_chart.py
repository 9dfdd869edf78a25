"""The throughput of the last weeks as SVG: two bars a week, coloured by the style sheet.

The drawing is for a glance; the same numbers stand in a table below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from django.utils.formats import date_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from expunge.tickets.statistics import Week

WIDTH, HEIGHT = 720, 190
LEFT, TOP, FLOOR = 34, 12, 158
GAP = 0.32
LINES = 4


@dataclass(frozen=True)
class Bar:
    """A bar of the drawing: what it counts, how many, and where it stands."""

    kind: str
    count: int
    base: int = 0


def weeks_chart(weeks: Sequence[Week]) -> SafeString:
    """Return the drawing; it says in words what it shows."""
    top = _ceiling(max((max(week.filed, _gone(week)) for week in weeks), default=0))
    room = (WIDTH - LEFT) / max(len(weeks), 1)
    parts = [*_lines(top)]
    for place, week in enumerate(weeks):
        parts += _week(week, LEFT + place * room, room, top)
    title = escape(_("Tickets filed and ended, by week"))
    return mark_safe(  # noqa: S308 - numbers of our own and escaped words
        f'<svg class="weeks" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-labelledby="weeks-title weeks-desc"><title id="weeks-title">{title}</title>'
        f'<desc id="weeks-desc">{escape(_in_words(weeks))}</desc>{"".join(parts)}</svg>'
    )


def _week(week: Week, left: float, room: float, top: int) -> list[str]:
    wide = room * (1 - GAP) / 2
    start = left + room * GAP / 2
    filed = [Bar("filed", week.filed)]
    gone = [Bar("closed", week.closed), Bar("not-verified", week.not_verified, week.closed)]
    label = escape(date_format(week.monday, "MONTH_DAY_FORMAT"))
    return [
        *(_bar(bar, start, wide, top) for bar in filed),
        *(_bar(bar, start + wide + 1.5, wide, top) for bar in gone),
        f'<text x="{left + room / 2:.1f}" y="{FLOOR + 18}" text-anchor="middle">{label}</text>',
    ]


def _bar(bar: Bar, left: float, wide: float, top: int) -> str:
    if not bar.count:
        return ""
    scale = (FLOOR - TOP) / top
    height = bar.count * scale
    place = FLOOR - (bar.base + bar.count) * scale
    return (
        f'<rect class="bar-{bar.kind}" x="{left:.1f}" y="{place:.1f}" '
        f'width="{wide:.1f}" height="{height:.1f}"/>'
    )


def _lines(top: int) -> list[str]:
    step = max(top // LINES, 1)
    parts = []
    for value in range(0, top + 1, step):
        y = FLOOR - value * (FLOOR - TOP) / top
        parts.append(f'<line class="rule" x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value}</text>')
    return parts


def _ceiling(most: int) -> int:
    """Return a round number at or above the largest bar that the lines divide evenly."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power * LINES >= most:
                return factor * power * LINES
        power *= 10


def _gone(week: Week) -> int:
    return week.closed + week.not_verified


def _in_words(weeks: Sequence[Week]) -> str:
    return _(
        "In %(weeks)d weeks %(filed)d tickets were filed and %(ended)d ended, "
        "%(failed)d of them not verified."
    ) % {
        "weeks": len(weeks),
        "filed": sum(week.filed for week in weeks),
        "ended": sum(_gone(week) for week in weeks),
        "failed": sum(week.not_verified for week in weeks),
    }
