"""In which language a drawing writes the few words and numbers that are its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Tongue:
    """The signs of decimals and percent, and words by their English; what it lacks stays English.

    The texts of a chart come with it, in whatever language it was handed over.
    """

    decimal: str = "."
    percent: str = "%"
    words: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def word(self, english: str) -> str:
        """Return a word of the drawing's own."""
        return self.words.get(english, english)

    def number(self, text: str) -> str:
        """Return a number, written with a point, as the language writes it; minus is no hyphen."""
        return text.replace(".", self.decimal).replace("-", "\u2212")


ENGLISH = Tongue()
GERMAN = Tongue(
    ",",
    "\u00a0%",
    MappingProxyType(
        {
            "margin": "Grenze",
            "never seen": "nie gesehen",
            "stranger than a stranger": "fremder als ein Fremder",
            "still there": "noch da",
            "after": "nach",
            "to": "bis",
            "at least": "mindestens",
            "at most": "höchstens",
            "tolerated": "zulässig",
            "around": "um",
            "inside the margin": "innerhalb der Grenze",
            "outside the margin": "außerhalb der Grenze",
            "across the edge of the margin": "über den Rand der Grenze",
            "most often between": "am häufigsten zwischen",
            "and": "und",
            "by": "nach",
        }
    ),
)
