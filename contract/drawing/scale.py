"""A linear scale with round ticks, from values to pixels. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from contract.drawing.tongue import ENGLISH, Tongue

TICKS = 5


@dataclass(frozen=True)
class Scale:
    """Maps ``low..high`` to ``start..end`` pixels; shares are written as percentages."""

    low: float
    high: float
    start: float
    end: float
    share: bool = False
    tongue: Tongue = ENGLISH

    def at(self, value: float) -> float:
        """Return the pixel of a value; what lies outside is drawn at the edge."""
        inside = min(max(value, self.low), self.high)
        return self.start + (inside - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return round values inside the scale."""
        step = _step(self.high - self.low)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]

    def label(self, value: float) -> str:
        """Return a value as it is written on the chart."""
        if self.share:
            return f"{value * 100:.0f}{self.tongue.percent}"
        return self.tongue.number(number(value))


def linear(
    values: Sequence[float],
    pixels: tuple[float, float],
    *,
    share: bool = False,
    tight: bool = False,
    tongue: Tongue = ENGLISH,
) -> Scale:
    """Return a scale that holds the values.

    ``share`` fixes it to 0..1 where the values allow; ``tight`` ends it at the values instead
    of at zero and a round number.
    """
    low, high = min(values, default=0.0), max(values, default=1.0)
    if share and low >= 0.0 and high <= 1.0:
        low, high = 0.0, 1.0
    elif not tight:
        low, high = min(low, 0.0), max(high, 0.0)
        step = _step((high - low) or 1.0)
        low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    if high <= low:
        high = low + 1.0
    return Scale(low, high, *pixels, share=share, tongue=tongue)


def number(value: float) -> str:
    """Return a short decimal: at most two places, no trailing zeros, no negative zero."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _step(span: float) -> float:
    power = 10.0 ** math.floor(math.log10(span / TICKS))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor * TICKS >= span)
