"""Reading a phrasebook, and finding the phrase that says a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent
PLACE = re.compile(r"\{(\w+)\}")
NUMBER = re.compile(r"(?P<number>[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?P<percent> ?%)?")
NAMES = frozenset({"method", "next"})
VERBATIM = frozenset({"signer", "moment", "origin", "length", "file", "place", "schema", "who"})
"""Places that are filled as they are: names, moments and what a program calls its own."""
NAME = re.compile(r"[a-z][a-z0-9_]*")
STOP = ". "
SEPARATORS = ("; ", ": ", STOP, ", ", " and ", " ")
JOINTS: Mapping[str, Mapping[str, str]] = {"de": {" and ": " und "}}
DECIMAL: Mapping[str, str] = {"de": ","}
ORIGINAL = "en"
FEW_WORDS = 6


class Unspoken(LookupError):  # noqa: N818 - it is an answer, not an accident
    """The phrasebook has no words for a sentence."""


@dataclass(frozen=True)
class Phrase:
    """A pattern of the original language and what it is in another."""

    pattern: re.Pattern[str]
    text: str


def said(sentence: str, language: str) -> str:
    """Return a sentence of a report in a language.

    Raises:
        Unspoken: The phrasebook of that language does not have it.
    """
    if language == ORIGINAL or not sentence:
        return sentence
    found = _said(sentence, language)
    if found is None:
        raise Unspoken(sentence)
    return found


def attack_words(label: str, language: str) -> str:
    """Return the label of an attack (relearn-forget-16 ...) as words."""
    label = label.replace("-", " ").replace("_", " ")
    found = _said(label, language)
    if found is None:
        raise Unspoken(label)
    return found


@lru_cache(maxsize=4096)
def _said(sentence: str, language: str) -> str | None:
    """Return the words for a sentence, or ``None``: whole, as a number, or put together."""
    book = _book(language)
    if sentence in book.fixed:
        return book.fixed[sentence]
    if number := NUMBER.fullmatch(sentence):
        amount = number["number"].replace(".", DECIMAL.get(language, "."))
        return amount + ("\u00a0%" if number["percent"] else "")
    for phrase in book.patterns:
        filled = _filled(phrase, sentence, language)
        if filled is not None:
            return filled
    return _joined(sentence, language)


def _filled(phrase: Phrase, sentence: str, language: str) -> str | None:
    found = phrase.pattern.fullmatch(sentence)
    if found is None:
        return None
    given = found.groupdict()
    if any(STOP in text for name, text in given.items() if name not in VERBATIM):
        return None  # a place holds no more than one sentence
    parts = {
        name: text if name in VERBATIM else _said(text, language) for name, text in given.items()
    }
    for name in NAMES & parts.keys():  # a method of later days goes by its own name
        parts[name] = parts[name] or (found[name] if NAME.fullmatch(found[name]) else None)
    whole = {name: text for name, text in parts.items() if text is not None}
    return phrase.text.format(**whole) if len(whole) == len(parts) else None


def _joined(sentence: str, language: str) -> str | None:
    """Say both sides of a separator by themselves: sentences, lists, labels and their reasons."""
    if sentence.endswith(".") and (inner := _said(sentence[:-1], language)):
        return f"{inner}."
    joints = JOINTS.get(language, {})
    separators = SEPARATORS if sentence.count(" ") <= FEW_WORDS else SEPARATORS[:-1]
    for separator in separators:
        for left, right in _halves(sentence, separator):
            first = _said(left, language)
            second = _said(right, language) if first is not None else None
            if first is not None and second is not None:
                joint = " " if separator == STOP else joints.get(separator, separator)
                return f"{first}{joint}{second}"
    return None


def _halves(sentence: str, separator: str) -> Iterator[tuple[str, str]]:
    place = sentence.find(separator)
    while place >= 0:
        left, right = sentence[:place], sentence[place + len(separator) :]
        if separator == STOP:
            left += "."
            yield left, right
        elif left and right:
            yield left, right
        place = sentence.find(separator, place + 1)


@dataclass(frozen=True)
class Book:
    """The phrases of a language: those without places, and patterns, the most particular first."""

    fixed: Mapping[str, str]
    patterns: Sequence[Phrase]


@cache
def _book(language: str) -> Book:
    """Read a phrasebook: a line of the original, then ``= `` and the same in the language."""
    files = sorted(FOLDER.glob(f"{language}*.txt"))
    pairs = [pair for file in files for pair in _pairs(file.read_text(encoding="utf-8"))]
    patterns = [pair for pair in pairs if PLACE.search(pair[0])]
    patterns.sort(key=lambda pair: len(PLACE.sub("", pair[0])), reverse=True)
    return Book(
        fixed={original: text for original, text in pairs if not PLACE.search(original)},
        patterns=[Phrase(_pattern(original), text) for original, text in patterns],
    )


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    original = ""
    for line in text.splitlines():
        if line.startswith("= "):
            yield original, line[2:]
        elif line and not line.startswith("# "):
            original = line


def _pattern(original: str) -> re.Pattern[str]:
    places = PLACE.split(original)
    parts = [
        re.escape(part) if turn % 2 == 0 else f"(?P<{part}>.+?)" for turn, part in enumerate(places)
    ]
    return re.compile("".join(parts))
