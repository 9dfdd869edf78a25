"""Every estimate of a report with its interval, against its margin, on one scale.

Statistics of different kinds cannot share an axis in their own units, so each is put on the scale
of its own margin: 0 is the value for somebody whom the model never saw, 1 the most that is
tolerated. The band from -1 to 1 is what the profile allows; an interval inside it is shown to be
harmless, one outside it is shown not to be, one that crosses its edge settles nothing. What lies
beyond the drawing ends in an arrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from contract.drawing.pen import INK, QUIET, RULE, Tone, folded, frame, line, rect, text
from contract.drawing.scale import Scale, linear, number
from contract.drawing.tongue import ENGLISH, Tongue
from contract.report import CheckResult, Estimate, Verdict

WIDTH = 340
EDGE = 2.5
LEFT, RIGHT, TOP = 8, 14, 34
LINE, NAME, STRIP, GAP = 13.5, 11.5, 33, 8
"""How tall are a line of a check's name, one of an estimate's, its strip, the gap after a check."""
BAND = Tone("band", "#e6eeee")
TONES = {
    Verdict.PASS: Tone("good", "#1c6b3c"),
    Verdict.FAIL: Tone("bad", "#a3242d"),
    Verdict.INVALID: Tone("bad", "#a3242d"),
    Verdict.INCONCLUSIVE: Tone("warn", "#7a4d00"),
    Verdict.NOT_APPLICABLE: QUIET,
}


@dataclass(frozen=True)
class Row:
    """One estimate on the scale of its margin, with the words that belong to it."""

    estimate: Estimate
    low: float
    value: float
    high: float

    def words(self, tongue: Tongue = ENGLISH) -> str:
        """Return the numbers as they are written beside the drawing."""
        own = self.estimate
        # The margin is a distance from what a stranger has, and a stranger need not have zero.
        around = f" {tongue.word('around')} {_plain(own.null)}" if own.null else ""
        margin = f"{tongue.word('tolerated')}: {_plain(own.margin or 0.0)}"
        return tongue.number(f"{_plain(own.value)}{_span(own, tongue)}; {margin}{around}")


def rows_of(result: CheckResult) -> list[Row]:
    """Return the estimates of a check that are held against a margin."""
    found = []
    for own in result.estimates:
        if own.margin is None or own.margin <= 0:
            continue
        low = own.value if own.low is None else own.low
        high = own.value if own.high is None else own.high
        places = ((item - own.null) / own.margin for item in (low, own.value, high))
        found.append(Row(own, *places))
    return found


def forest_svg(
    title: str, results: Sequence[CheckResult], width: int = WIDTH, tongue: Tongue = ENGLISH
) -> str:
    """Return the drawing of all estimates that have a margin; an empty text when none has."""
    held = [(result, rows) for result in results if (rows := rows_of(result))]
    if not held:
        return ""
    scale = linear((-EDGE, EDGE), (LEFT, width - RIGHT), tight=True, tongue=tongue)
    parts = list(_heads(scale))
    top = float(TOP)
    for result, rows in held:
        top = _heading(parts, result, top, width, tongue)
        for row in rows:
            top = _row(parts, row, TONES[result.verdict], scale, top)
        top += GAP
    return frame(title, _in_words(held, tongue), parts, width, top)


def sheets(
    results: Sequence[CheckResult], tallest: float, width: int = WIDTH, tongue: Tongue = ENGLISH
) -> list[list[CheckResult]]:
    """Return the results in groups whose drawings are no taller than a page allows.

    A check whose estimates do not fit goes on in the next group under its own name.
    """
    found: list[list[CheckResult]] = []
    top = tallest
    for result in results:
        heading = LINE * len(folded(label(result, tongue), width - LEFT - RIGHT)) + GAP
        begun = False
        for row in rows_of(result):
            tall = NAME * len(_name(row, width - LEFT - RIGHT)) + STRIP
            if top + tall + (0 if begun else heading) > tallest:
                found.append([])
                top, begun = TOP, False
            if not begun:
                found[-1].append(replace(result, estimates=()))
                top, begun = top + heading, True
            own = found[-1][-1]
            found[-1][-1] = replace(own, estimates=(*own.estimates, row.estimate))
            top += tall
    return found


def label(result: CheckResult, tongue: Tongue = ENGLISH) -> str:
    """Return a check's short name, with the attack that came before it."""
    name = result.title.partition(":")[0]
    after = f"{tongue.word('after')} {(result.attack or '').replace('-', ' ')}"
    return f"{name} {after}" if result.attack else name


def _heading(
    parts: list[str], result: CheckResult, top: float, width: float, tongue: Tongue
) -> float:
    for words in folded(label(result, tongue), width - LEFT - RIGHT):
        parts.append(text(words, LEFT, top + 8, bold=True))
        top += LINE
    return top


def _row(parts: list[str], row: Row, tone: Tone, scale: Scale, top: float) -> float:
    for words in _name(row, scale.end - scale.start):
        parts.append(text(words, LEFT, top + 7, size=10, tone=QUIET))
        top += NAME
    parts.append(text(row.words(scale.tongue), LEFT, top + 7, size=10, tone=QUIET))
    middle = top + 19
    parts += _strip(scale, middle)
    start, end = scale.at(row.low), scale.at(row.high)
    parts.append(line(start, middle, max(end, start + 0.8), middle, tone, 2.4))
    parts += [_arrow(scale.start, middle, -1, tone)] if row.low < -EDGE else []
    parts += [_arrow(scale.end, middle, 1, tone)] if row.high > EDGE else []
    if abs(row.value) <= EDGE:
        parts.append(_point(scale.at(row.value), middle, tone))
    return top + STRIP


def _name(row: Row, room: float) -> list[str]:
    """Return the name of an estimate in lines."""
    return folded(row.estimate.name.replace("_", " "), room, 10)


def _strip(scale: Scale, middle: float) -> Iterator[str]:
    """Yield what an interval is read against: the tolerated band and the stranger's place."""
    top, tall = middle - 8, 16
    yield line(scale.start, middle, scale.end, middle, RULE, 0.8)
    yield rect(scale.at(-1), top, scale.at(1) - scale.at(-1), tall, BAND)
    yield line(scale.at(0), top, scale.at(0), top + tall, INK, 0.8)


def _point(x: float, y: float, tone: Tone) -> str:
    return (
        f'<circle class="{tone.name}" cx="{number(x)}" cy="{number(y)}" r="3.6" '
        f'fill="{tone.colour}"/>'
    )


def _arrow(x: float, y: float, way: int, tone: Tone) -> str:
    tip, back = number(x + 3 * way), number(x - 7 * way)
    return (
        f'<path class="{tone.name}" d="M{tip} {number(y)}L{back} {number(y - 5)}'
        f'L{back} {number(y + 5)}Z" fill="{tone.colour}"/>'
    )


def _heads(scale: Scale) -> Iterator[str]:
    """Yield what the places mean, above everything."""
    said = scale.tongue.word
    for place, words in ((-1.0, "margin"), (0.0, "never seen"), (1.0, "margin")):
        yield text(said(words), scale.at(place), TOP - 9, anchor="middle", size=10, tone=QUIET)
    yield text(said("stranger than a stranger"), LEFT, 10, size=10, tone=QUIET)
    yield text(said("still there"), scale.end, 10, anchor="end", size=10, tone=QUIET)


def _in_words(held: Sequence[tuple[CheckResult, Sequence[Row]]], tongue: Tongue) -> str:
    """Return the numbers as sentences."""
    return " ".join(
        f"{label(result, tongue)}, {row.estimate.name}: {row.words(tongue)}, "
        f"{tongue.word(_where(row))}."
        for result, rows in held
        for row in rows
    )


def _where(row: Row) -> str:
    if row.low >= -1 and row.high <= 1:
        return "inside the margin"
    if row.low > 1 or row.high < -1:
        return "outside the margin"
    return "across the edge of the margin"


def _span(own: Estimate, tongue: Tongue) -> str:
    if own.low is not None and own.high is not None:
        return f" ({_plain(own.low)} {tongue.word('to')} {_plain(own.high)})"
    if own.low is not None:
        return f" ({tongue.word('at least')} {_plain(own.low)})"
    return "" if own.high is None else f" ({tongue.word('at most')} {_plain(own.high)})"


def _plain(value: float) -> str:
    return f"{value:.3g}" if value else "0"
