"""Lines, words and frames: the strokes that every drawing is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from contract.drawing.scale import number

FONT = "Noto Sans, system-ui, sans-serif"
SIZE = 10.5
LETTER = 5.7
"""The mean width of a letter at that size, in pixels."""


@dataclass(frozen=True)
class Tone:
    """How something is drawn: its class, a colour distinct in grey too, and a dash for lines."""

    name: str
    colour: str
    dash: str = ""


INK, QUIET, RULE = Tone("ink", "#1d2429"), Tone("quiet", "#56616a"), Tone("rule", "#dce0e3")


def frame(title: str, words: str, parts: Iterable[str], width: float, height: float) -> str:
    """Return the SVG with its title and its description in words."""
    return "".join(
        (
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} '
                f'{number(height)}" width="{number(width)}" height="{number(height)}" role="img" '
                f'font-family="{FONT}" font-size="{SIZE}" fill="{INK.colour}">'
            ),
            f"<title>{escape(title)}</title><desc>{escape(words)}</desc>",
            *parts,
            "</svg>",
        )
    )


def line(  # noqa: PLR0913, PLR0917 - two points and a pen
    x1: float, y1: float, x2: float, y2: float, tone: Tone, thick: float
) -> str:
    """Return a straight line."""
    return (
        f'<line class="{tone.name}" x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" '
        f'y2="{number(y2)}" stroke="{tone.colour}" stroke-width="{thick}"/>'
    )


def rect(left: float, top: float, wide: float, tall: float, tone: Tone, more: str = "") -> str:  # noqa: PLR0913, PLR0917 - a place, a size and a pen
    """Return a filled rectangle; ``more`` are further attributes."""
    return (
        f'<rect class="{tone.name}" x="{number(left)}" y="{number(top)}" width="{number(wide)}" '
        f'height="{number(tall)}" fill="{tone.colour}"{f" {more}" if more else ""}/>'
    )


def text(  # noqa: PLR0913 - a place and a way to write
    words: str,
    x: float,
    y: float,
    *,
    anchor: str = "start",
    size: float = SIZE,
    tone: Tone = INK,
    bold: bool = False,
) -> str:
    """Return a line of words; ``x`` is its start, middle or end."""
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text class="{tone.name}" x="{number(x)}" y="{number(y)}" text-anchor="{anchor}" '
        f'font-size="{size}"{weight} fill="{tone.colour}">{escape(words)}</text>'
    )


def folded(words: str, room: float, size: float = SIZE) -> list[str]:
    """Return the words in lines that fit into so many pixels, as far as spaces allow."""
    most = max(int(room / (LETTER * size / SIZE)), 8)
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if len(longer) > most and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
