"""Before/after charts of a check: calm, legible in grey print, readable without seeing them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from contract.drawing.pen import INK, LETTER, QUIET, RULE, Tone, folded, frame, line, rect, text
from contract.drawing.scale import Scale, linear, number
from contract.drawing.tongue import ENGLISH, Tongue
from contract.report import Chart

WIDTH = 460
RIGHT, TOP, ROW, LINE = 18, 16, 15, 11.5
MOST_LABEL = 0.42
"""Of the width, what the labels of bars may take; longer ones are folded."""
BEFORE = Tone("before", "#c7743f", "5 3")
AFTER = Tone("after", "#0f5f66")
NEVER = Tone("never", "#a9b4ba", "1.5 3")
OTHERS = (
    Tone("other-1", "#6a5a8e"),
    Tone("other-2", "#8a7a2e"),
    Tone("other-3", "#4d6d3a"),
)
_ORDER = (BEFORE, AFTER, *OTHERS, NEVER)
_WORDS: tuple[tuple[Tone, tuple[str, ...]], ...] = (
    (NEVER, ("never", "twin", "stranger", "nie ")),
    (BEFORE, ("before", "original", "vorher", "ursprüngliche")),
    (AFTER, ("after", "person", "candidate", "nachher", "neues")),
)


def chart_svg(chart: Chart, *, width: int = WIDTH, tongue: Tongue = ENGLISH) -> str:
    """Return the SVG of a chart, ``width`` pixels wide; its numbers written in ``tongue``."""
    tone = tones(chart.series)
    # Canonical JSON sorts names, so the order is set here: before, after, the others, strangers.
    order = sorted(chart.series, key=lambda name: _ORDER.index(tone[name]))
    chart = replace(chart, series={name: chart.series[name] for name in order})
    body, height = _DRAW[chart.kind](chart, width, tone, tongue)
    legend, above = _legend(chart, width)
    moved = f'<g transform="translate(0 {number(above)})">'
    return frame(
        chart.title,
        _in_words(chart, tongue),
        (*legend, moved, *body, "</g>"),
        width,
        height + above,
    )


def tones(series: Mapping[str, Sequence[float]]) -> Mapping[str, Tone]:
    """Return a tone for every series, by what its name says, each tone once."""
    spare = list(OTHERS)
    found: dict[str, Tone] = {}
    for name in series:
        words = name.casefold()
        fits = (tone for tone, keys in _WORDS if any(key in words for key in keys))
        tone = next((tone for tone in fits if tone not in found.values()), None)
        found[name] = tone or (spare.pop(0) if spare else NEVER)
    return found


def _bars(
    chart: Chart, width: int, tone: Mapping[str, Tone], tongue: Tongue
) -> tuple[list[str], float]:
    count = max(len(chart.series), 1)
    thick = 9.0
    group = count * (thick + 2) + 10
    bottom = TOP + group * len(chart.x)
    left = min(_margin(chart.x), width * MOST_LABEL)
    scale = linear(
        [value for values in chart.series.values() for value in values],
        (left, width - RIGHT - 20),
        share=_is_share(chart.y_label),
        tongue=tongue,
    )
    parts = _value_axis(scale, chart.y_label, TOP, bottom)
    for place, label in enumerate(chart.x):
        top = TOP + place * group + 5
        middle = top + (group - 10) / 2 + 3
        lines = folded(str(label), left - 10)
        parts += [
            text(words, left - 8, middle + (turn - (len(lines) - 1) / 2) * LINE, anchor="end")
            for turn, words in enumerate(lines)
        ]
        for turn, (name, values) in enumerate(chart.series.items()):
            parts += _bar(scale, values[place], top + turn * (thick + 2), thick, tone[name])
    return parts, bottom + 32


def _bar(scale: Scale, value: float, top: float, thick: float, tone: Tone) -> list[str]:
    start, end = sorted((scale.at(max(0.0, scale.low)), scale.at(value)))
    return [
        rect(start, top, max(end - start, 0.8), thick, tone),
        text(scale.label(value), end + 4, top + thick - 1, size=8.5, tone=QUIET),
    ]


def _distribution(
    chart: Chart, width: int, tone: Mapping[str, Tone], tongue: Tongue
) -> tuple[list[str], float]:
    """Draw a row per series over one axis: overlaid histograms would hide each other."""
    edges = [float(edge) for edge in chart.x]
    highest = max((max(values) for values in chart.series.values()), default=0.0) or 1.0
    tall, left = 46.0, _margin(chart.series)
    bottom = TOP + (tall + 8) * len(chart.series)
    scale = linear(edges, (left, width - RIGHT), tight=True, tongue=tongue)
    parts = _value_axis(scale, chart.x_label, TOP, bottom)
    for place, (name, values) in enumerate(chart.series.items()):
        floor = TOP + (tall + 8) * (place + 1) - 4
        steps = [f"M{number(scale.at(edges[0]))} {number(floor)}"]
        for low, high, value in zip(edges, edges[1:], values, strict=False):
            height = number(floor - tall * value / highest)
            steps.append(f"L{number(scale.at(low))} {height}L{number(scale.at(high))} {height}")
        steps.append(f"L{number(scale.at(edges[-1]))} {number(floor)}Z")
        parts += [
            (
                f'<path class="{tone[name].name}" d="{"".join(steps)}" '
                f'fill="{tone[name].colour}" fill-opacity="0.85"/>'
            ),
            line(left, floor, width - RIGHT, floor, INK, 0.6),
            text(name, left - 8, floor - 3, anchor="end"),
        ]
    return parts, bottom + 32


def _curve(
    chart: Chart, width: int, tone: Mapping[str, Tone], tongue: Tongue
) -> tuple[list[str], float]:
    floor = TOP + 138.0
    left = 36
    ys = linear(
        [value for values in chart.series.values() for value in values],
        (floor, TOP + 10),
        share=_is_share(chart.y_label),
        tongue=tongue,
    )
    places = [float(item) for item in chart.x]
    xs = linear(places, (left, width - RIGHT - 6), tight=True, tongue=tongue)
    parts = [
        piece
        for tick in ys.ticks()
        for piece in (
            line(left, ys.at(tick), width - RIGHT, ys.at(tick), RULE, 0.8),
            text(ys.label(tick), left - 6, ys.at(tick) + 3.5, anchor="end", tone=QUIET),
        )
    ]
    parts += [
        text(xs.label(item), xs.at(item), floor + 14, anchor="middle", tone=QUIET)
        for item in places
    ]
    parts.append(text(chart.y_label, 2, TOP - 3, size=9, tone=QUIET))
    parts.append(
        text(chart.x_label, (left + width - RIGHT) / 2, floor + 28, anchor="middle", tone=QUIET)
    )
    for name, values in chart.series.items():
        points = [(xs.at(x), ys.at(y)) for x, y in zip(places, values, strict=False)]
        path = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        dash = f' stroke-dasharray="{tone[name].dash}"' if tone[name].dash else ""
        parts.append(
            f'<polyline class="{tone[name].name}" points="{path}" fill="none" '
            f'stroke="{tone[name].colour}" stroke-width="2"{dash}/>'
        )
        parts += [
            f'<circle class="{tone[name].name}" cx="{number(x)}" cy="{number(y)}" r="2.6" '
            f'fill="{tone[name].colour}"/>'
            for x, y in points
        ]
    return parts, floor + 36


_DRAW: Mapping[str, Callable[[Chart, int, Mapping[str, Tone], Tongue], tuple[list[str], float]]] = {
    "bars": _bars,
    "distribution": _distribution,
    "curve": _curve,
}


def _value_axis(scale: Scale, label: str, top: float, bottom: float) -> list[str]:
    parts = [
        piece
        for tick in scale.ticks()
        for piece in (
            line(scale.at(tick), top, scale.at(tick), bottom, RULE, 0.8),
            text(scale.label(tick), scale.at(tick), bottom + 13, anchor="middle", tone=QUIET),
        )
    ]
    middle = (scale.start + scale.end) / 2
    return [*parts, text(label, middle, bottom + 27, anchor="middle", tone=QUIET)]


def _legend(chart: Chart, width: int) -> tuple[list[str], float]:
    """Return the names of the series, in as many rows as they need, and the height of that."""
    if chart.kind == "distribution":
        return [], 0.0  # each row carries its own name
    parts: list[str] = []
    place, row = 2.0, 0
    for name, tone in tones(chart.series).items():
        room = 24 + LETTER * len(name)
        if place + room > width and place > room:
            place, row = 2.0, row + 1
        top = 4 + row * ROW
        parts.append(rect(place, top, 9, 9, tone, 'rx="1.5"'))
        parts.append(text(name, place + 13, top + 8))
        place += room
    return parts, 4.0 + ROW * (row + 1)


def _in_words(chart: Chart, tongue: Tongue) -> str:
    """Return the chart's numbers as a sentence."""
    sentences = []
    for name, values in chart.series.items():
        if chart.kind == "distribution":
            peak = max(range(len(values)), key=values.__getitem__, default=0)
            edges = [tongue.number(number(float(edge))) for edge in chart.x[peak : peak + 2]]
            between = f" {tongue.word('and')} ".join(edges)
            often = tongue.word("most often between")
            sentences.append(f"{name}: {often} {between} {chart.x_label}.")
        else:
            said = ", ".join(
                f"{item}: {tongue.number(f'{value:.3g}')}"
                for item, value in zip(chart.x, values, strict=False)
            )
            by = f"{chart.y_label} {tongue.word('by')} {chart.x_label}"
            sentences.append(f"{name}, {by}: {said}.")
    return " ".join(sentences)


def _margin(labels: Iterable[object]) -> float:
    """Return the room that labels need to the left of the axis."""
    return 14 + LETTER * max((len(str(label)) for label in labels), default=0)


def _is_share(label: str) -> bool:
    words = ("share", "rate", "accuracy", "fraction", "anteil", "genauigkeit")
    return any(word in label.casefold() for word in words)
