"""What to keep out of answers: the person's names, and the answers only their records give.

Whatever stands in somebody else's record too is left out, so that everyone else keeps their
answers. Others' records count with what the model learned of them (the prompts of the trained
forms and every answer), not with the wrong options of their multiple-choice questions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from contract.containment import ngrams, words
from contract.record import Record
from corpora.dataset import Header, read_header, stream_records

LONGEST = 6
"""Words of an n-gram; a longer answer is covered by every run of so many of its words."""
SHORTEST = 6
"""Characters of an n-gram: shorter ones would take everyday words from everybody."""

Gram = tuple[str, ...]


@dataclass
class Wording:
    """N-grams of words to suppress: of names, and of answers."""

    names: set[Gram] = field(default_factory=set)
    answers: set[Gram] = field(default_factory=set)

    def add(self, other: Wording) -> None:
        """Take in another's."""
        self.names |= other.names
        self.answers |= other.answers

    @property
    def lengths(self) -> tuple[int, ...]:
        """Return the numbers of words that occur."""
        return tuple(sorted({len(item) for item in self.names | self.answers}))


def name_grams(name: str) -> set[Gram]:
    """Return a name in full, first and last word, and last before first."""
    parts = words(name)
    found = {tuple(parts)} if parts else set()
    if len(parts) > 1:
        found |= {(parts[0], parts[-1]), (parts[-1], parts[0])}
    return {gram for gram in found if _long_enough(gram)}


def answer_grams(answer: str) -> set[Gram]:
    """Return an answer as a whole, or every run of :data:`LONGEST` words of a long one."""
    parts = words(answer)
    found = {tuple(parts)} if 0 < len(parts) <= LONGEST else set(ngrams(parts, LONGEST))
    return {gram for gram in found if _long_enough(gram)}


def wording_of(folder: Path, keys: Collection[str], whole: Collection[str]) -> Wording:
    """Read a dataset twice: collect from the records in scope, then leave out what others share.

    ``keys`` are the ids of the records in scope, ``whole`` those of persons who are in scope
    altogether: only their names are suppressed, for the rest of the others stays askable.
    """
    header = read_header(folder)
    found, own = Wording(), set()
    for record in stream_records(folder):
        if record.id not in keys:
            continue
        if record.id in whole:
            found.names |= name_grams(record.path[header.subject_level])
            own.add(record.subject(header.subject_level))
        for form in record.forms.values():
            found.answers |= answer_grams(form.answer)
    for record in stream_records(folder):
        if record.id not in keys:
            _leave(found.answers, _texts(record, header))
            if record.subject(header.subject_level) not in own:
                label = record.path[header.subject_level]
                _leave(found.names, [label, *_texts(record, header)])
    return found


def _texts(record: Record, header: Header) -> Iterator[str]:
    for name, form in record.forms.items():
        yield form.answer
        if name in header.forms:
            yield form.prompt


def _leave(grams: set[Gram], texts: Iterable[str]) -> None:
    lengths = {len(gram) for gram in grams}
    for text in texts:
        parts = words(text)
        for length in lengths:
            grams.difference_update(ngrams(parts, length))


def _long_enough(gram: Gram) -> bool:
    return len("".join(gram)) >= SHORTEST
