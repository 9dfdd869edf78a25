"""Which font has which character: a missing glyph would break PDF/A without a word.

The document's own words need the first face alone. A name in another script takes the first of
the further faces that has it, and only those are loaded. A letter that no face has is refused
before anything is fixed; a sign that is no letter (an arrow, a pictograph) is spelled out, for the
attached statement keeps the exact text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _
from fontTools.ttLib import TTFont

from expunge.common.errors import InvalidInputError

FONTS = Path(__file__).parent / "fonts"
FAMILY = "Noto Sans"
REPLACEMENTS = {"\u2264": "<=", "\u2265": ">=", "\u2192": "->", "\u2248": "~", "\u2212": "-"}
INVISIBLE = frozenset("\n\t\r")
LETTERS = frozenset("LMN")


@dataclass(frozen=True)
class Face:
    """A font file: the family it is printed as, its weight, and the characters it has."""

    family: str
    weight: int
    path: Path
    characters: frozenset[int]

    @property
    def address(self) -> str:
        """Return where a style sheet finds it."""
        return self.path.as_uri()


def printable(text: str) -> str:
    """Return the text with every sign that no face has spelled out.

    Raises:
        InvalidInputError: ``glyph_missing``: a letter is in no font.
    """
    known = frozenset().union(*(face.characters for face in faces()))
    strange = {item for item in set(text) if ord(item) not in known} - INVISIBLE
    letters = sorted(item for item in strange if unicodedata.category(item)[0] in LETTERS)
    if letters:
        raise InvalidInputError(
            "glyph_missing",
            _(
                "No font has the characters %(characters)s. Put one that has them into the folder "
                "that EXPUNGE_FONTS_DIR names."
            )
            % {"characters": ", ".join(f"{item} (U+{ord(item):04X})" for item in letters)},
        )
    spelled = {ord(item): REPLACEMENTS.get(item, f"[U+{ord(item):04X}]") for item in strange}
    return text.translate(spelled)


def faces_for(text: str) -> Sequence[Face]:
    """Return the faces that a text needs, the document's own first."""
    own = [face for face in faces() if face.family == FAMILY]
    missing = {ord(item) for item in set(text) - INVISIBLE} - _common(own)
    families: list[str] = []
    for face in faces():
        if face.family != FAMILY and face.family not in families and missing & face.characters:
            families.append(face.family)
            missing -= face.characters
    return [*own, *(face for face in faces() if face.family in families)]


def _common(own: Sequence[Face]) -> frozenset[int]:
    return frozenset.intersection(*(face.characters for face in own))


def faces() -> Sequence[Face]:
    """Return every face: the bundled ones, then those of the operator's folder."""
    more = settings.EXPUNGE_FONTS_DIR
    return _faces(FONTS) + (_faces(Path(more)) if more else ())


@cache
def _faces(folder: Path) -> tuple[Face, ...]:
    """Return the faces of a folder by name, so that ``Noto Sans`` comes first."""
    paths = sorted([*folder.glob("*.ttf"), *folder.glob("*.otf")], key=_rank)
    return tuple(
        Face(_family(path), 700 if "Bold" in path.stem else 400, path, _characters(path))
        for path in paths
    )


def _rank(path: Path) -> tuple[bool, str]:
    return not path.stem.startswith("NotoSans"), path.stem


def _family(path: Path) -> str:
    name = path.stem.partition("-")[0]
    return "".join(f" {item}" if item.isupper() else item for item in name).strip()


@cache
def _characters(path: Path) -> frozenset[int]:
    with TTFont(path, lazy=True) as font:
        return frozenset(font.getBestCmap())
