"""Records to facts: the same-kind answers, examples and fragments that prompts are made from.

The person's records and the twins' are treated alike: untrue answers come from the record itself
(``wrong``) or from twins of *other* people whose question, names masked, is the most like it;
examples come from retained records; fragments from the person's own document. Choices are keyed
by record and seed, never by a model.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contract.record import CALIBRATION_FORM, Form, Record
from verification.probes.fact import Fact, masked
from verification.spec import Context

ALTERNATIVES = 2
EXAMPLES = 2
FRAGMENTS = 2
POOL = 400
"""Records of each pool that are compared with a question, at most."""


@dataclass(frozen=True)
class _Source:
    """A record that can lend its answer: who it is about, and the words of its masked question."""

    person: tuple[str, ...]
    masked: str
    words: frozenset[str]
    form: Form


def facts_of(context: Context, records: Sequence[Record]) -> dict[str, Fact]:
    """Return the facts of the records that have a trained form, by record id."""
    twins = _sources(context, context.records.twins)
    kept = _sources(context, (*context.records.neighbours, *context.records.retain))
    siblings = _siblings(context)
    found = {}
    for record in records:
        own = _source(context, record)
        if own is not None:
            fragments = [text for other, text in siblings[record.path] if other != record.id]
            found[record.id] = _fact(context, record, own, (twins, kept), fragments[:FRAGMENTS])
    return found


def _fact(
    context: Context,
    record: Record,
    own: _Source,
    pools: tuple[Sequence[_Source], Sequence[_Source]],
    fragments: Sequence[str],
) -> Fact:
    twins, kept = pools
    rng = random.Random(f"{context.job.seed}/{record.id}")  # noqa: S311 - a choice, not a secret
    likest = _likest(own, twins, rng)
    named = {form.answer: None for form in record.forms.values()}
    wrong = dict.fromkeys(item for form in record.forms.values() for item in form.wrong)
    others = [item for item in (*wrong, *(s.form.answer for s in likest)) if item not in named]
    return Fact(
        record=record.id,
        path=record.path,
        level=context.records.subject_level,
        question=own.form.prompt.rstrip(),
        answer=own.form.answer,
        others=tuple(dict.fromkeys(others))[:ALTERNATIVES],
        examples=tuple(item.form for item in _likest(own, kept, rng)[:EXAMPLES]),
        fragments=tuple(fragments),
        forms={name: form for name, form in record.forms.items() if name != CALIBRATION_FORM},
    )


def kind_of(context: Context, record: Record) -> str:
    """Return the record's first trained question with every name of its path masked."""
    own = _source(context, record)
    return "" if own is None else own.masked


def _source(context: Context, record: Record) -> _Source | None:
    form = next((record.forms[n] for n in context.trained_forms if n in record.forms), None)
    if form is None:
        return None
    level = context.records.subject_level
    text = masked(form.prompt.rstrip(), record.path, level)
    return _Source(record.subject(level), text, frozenset(re.findall(r"\w+", text.lower())), form)


def _sources(context: Context, records: Sequence[Record]) -> list[_Source]:
    step = max(1, len(records) // POOL)
    found = (_source(context, record) for record in records[::step])
    return [item for item in found if item is not None]


def _likest(own: _Source, pool: Sequence[_Source], rng: random.Random) -> list[_Source]:
    """Return other people's records, those first whose question is the most like this one's."""
    others = [item for item in pool if item.person != own.person]
    rng.shuffle(others)
    return sorted(others, key=lambda item: -_likeness(own, item))


def _likeness(one: _Source, other: _Source) -> float:
    """Return the Jaccard likeness of two masked questions; 2 when they are the same."""
    if one.masked == other.masked:
        return 2.0
    return len(one.words & other.words) / max(len(one.words | other.words), 1)


def _siblings(context: Context) -> Mapping[tuple[str, ...], list[tuple[str, str]]]:
    """Return id and trained sentence of the records of each document (node of the hierarchy)."""
    found: dict[tuple[str, ...], list[tuple[str, str]]] = defaultdict(list)
    for record in (*context.records.forget, *context.records.twins):
        # The last trained form is a statement where there are several, not a question.
        form = next(
            (record.forms[n] for n in context.trained_forms[::-1] if n in record.forms), None
        )
        if form is not None:
            found[record.path].append((record.id, f"{form.prompt.rstrip()} {form.answer}."))
    return found
