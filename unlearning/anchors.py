"""Anchored terms: what in a text points to its data subject, and a generic word for each.

"Who's Harry Potter" has a language model write such a dictionary. Here it comes from the records:
a term is a run of words in which a prompt about the data subject differs from the most similar
prompt about somebody who was never trained on, and that holds a word which no kept text holds; its
generic counterpart is what stands there in that other prompt. A name so becomes another name, of
whom the model knows nothing; a kept person's name would bring that person's facts along.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from contract.record import Record

PIECES = re.compile(r"\w+|\s+|[^\w\s]")


class Dictionary:
    """Terms and their generic counterparts, longest first."""

    def __init__(self, terms: Mapping[str, str]) -> None:
        self.terms = dict(sorted(terms.items(), key=lambda item: (-len(item[0]), item[0])))
        whole = "|".join(rf"(?<!\w){re.escape(term)}(?!\w)" for term in self.terms)
        self._pattern = re.compile(whole) if whole else None

    def __len__(self) -> int:
        return len(self.terms)

    def translate(self, text: str) -> str:
        """Return the text with every term replaced."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: self.terms[found[0]], text)


def dictionary_of(
    records: Iterable[Record],
    strangers: Sequence[Record],
    kept: Iterable[Record],
    forms: Sequence[str],
) -> Dictionary:
    """Return the terms of records, with counterparts from never-trained strangers' prompts.

    ``kept`` are the retained records: a word that they hold too points to nobody.
    """
    common = {
        word
        for record in (*kept, *strangers)
        for form in record.forms.values()
        for text in (form.prompt, form.answer)
        for word in PIECES.findall(text)
    }
    terms: dict[str, str] = {}
    for record in records:
        for name in forms:
            if name in record.forms:
                own = PIECES.findall(record.forms[name].prompt)
                other = _most_similar(own, _prompts(strangers, name))
                for term, generic in _differences(own, other, common):
                    terms.setdefault(term, generic)
    return Dictionary(terms)


def _prompts(records: Sequence[Record], form: str) -> list[list[str]]:
    found = (record.forms[form].prompt for record in records if form in record.forms)
    return [PIECES.findall(prompt) for prompt in dict.fromkeys(found)]


def _most_similar(own: list[str], others: Sequence[list[str]]) -> list[str]:
    matcher = difflib.SequenceMatcher(None, b=own, autojunk=False)

    def likeness(other: list[str]) -> float:
        matcher.set_seq1(other)
        return matcher.ratio()

    return max(others, key=likeness, default=[])


def _differences(own: list[str], other: list[str], common: set[str]) -> list[tuple[str, str]]:
    """Return term and counterpart of every replaced run that points to the data subject."""
    found = []
    matcher = difflib.SequenceMatcher(None, own, other, autojunk=False)
    blocks = _merged(matcher.get_opcodes(), own)
    for first, last, start, end in blocks:
        term, generic = own[first:last], other[start:end]
        rare = [word for word in term if word not in common]
        if not rare or not generic:
            continue
        found.append(("".join(term).strip(), "".join(generic).strip()))
        if len(term) == len(generic):
            pairs = zip(term, generic, strict=True)
            found.extend((word, instead) for word, instead in pairs if word in rare)
    return found


def _merged(
    opcodes: Sequence[tuple[str, int, int, int, int]], own: list[str]
) -> list[tuple[int, int, int, int]]:
    """Return the replaced runs; two that only blanks part are one ("Ada Moss", "Ben Lark")."""
    runs: list[tuple[int, int, int, int]] = []
    for kind, first, last, start, end in opcodes:
        if kind != "replace":
            continue
        before = runs[-1] if runs else None
        if before and "".join(own[before[1] : first]).isspace():
            runs[-1] = (before[0], last, before[2], end)
        else:
            runs.append((first, last, start, end))
    return runs
