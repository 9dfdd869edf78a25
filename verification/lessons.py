"""What an attacker teaches the model, and what he asks it afterwards, one lesson a seed.

Four kinds of text, from the strongest attack to the one that nobody can avoid:

* ``forget``: a quarter of the person's facts, and the same quarter of the facts of some twin
  persons, *in the same lesson*; the other three quarters of both are asked. In a model that never
  saw the person, the person is one more twin: learning some facts helps to guess the others as
  much, or as little, as it does for twins;
* ``topic``: retained records about the same kind of thing as the forgotten ones;
* ``benign``: generated text that has nothing to do with anybody (:mod:`verification.smalltalk`);
* ``retain``: any retained records: what happens when the model is trained further.

The last three train on nothing about the person or the twins, so all of their facts are asked.
The same lessons serve fine-tuning and every attack that optimises something else than weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic.dataclasses import dataclass as settings_class

from contract.record import FROZEN, Form, Record
from contract.result import ErrorCode, JobError
from verification.families.causal_lm import CausalLM, Encoded
from verification.smalltalk import smalltalk
from verification.spec import Context

KINDS = ("forget", "topic", "benign", "retain")
POOL = 2
"""Topic records are drawn from that many times as many nearest ones."""


@settings_class(frozen=True, config=FROZEN)
class Teaching:
    """``share``: the facts trained on in a ``forget`` lesson.

    ``twins_per_seed`` twin units learn along in it (others with every seed); ``twin_subjects``
    twin persons are asked after the other lessons. ``records`` is the number of records (or of
    generated sentences) in those.
    """

    share: float = 0.25
    twins_per_seed: int = 3
    twin_subjects: int = 6
    records: int = 200
    topic_records: int = 60


@dataclass(frozen=True)
class Lesson:
    """One lesson: what is trained on and which facts are asked afterwards."""

    kind: str
    seed: int
    train: tuple[Form, ...]
    forget: tuple[Record, ...]
    twins: tuple[tuple[Record, ...], ...]

    @property
    def asked(self) -> frozenset[str] | None:
        """Return the ids of the facts that may be asked, the person's and the twins' (or all)."""
        if self.kind != "forget":
            return None
        twins = (record.id for unit in self.twins for record in unit)
        return frozenset((*(record.id for record in self.forget), *twins))

    def samples(self, model: CausalLM) -> list[Encoded]:
        """Return the lesson's texts as the model reads them."""
        return [model.encode(form, end=True) for form in self.train]


def lessons_of(context: Context, kind: str, teaching: Teaching) -> tuple[Lesson, ...]:
    """Return one lesson of a kind for every seed of the profile.

    Raises :class:`contract.result.JobError` when the job has no records for such a lesson.
    """
    if kind == "forget":
        return tuple(_from_the_facts(context, teaching))
    if kind not in KINDS:
        message = f"there is no lesson {kind!r}; known are {', '.join(KINDS)}"
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    return tuple(_from_elsewhere(context, kind, seed, teaching) for seed in context.profile.seeds)


def _from_the_facts(context: Context, teaching: Teaching) -> Iterator[Lesson]:
    """Yield one lesson a seed; seeds train on different quarters and on different twins."""
    forget, units = context.records.forget, context.records.twin_units
    part = max(1, round(teaching.share * len(forget)))
    if len(forget) <= part or len(units) < 2:  # noqa: PLR2004 - a comparison needs two
        message = "too few facts or twins: train on some, and none is left to ask"
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    # One order for the whole job, so that the seeds' quarters are disjoint.
    rng = np.random.default_rng([context.job.seed, 1])
    order, people = rng.permutation(len(forget)), rng.permutation(len(units))
    for turn, seed in enumerate(context.profile.seeds):
        places = {int(order[(turn * part + step) % len(order)]) for step in range(part)}
        wanted = [
            units[int(people[(turn * teaching.twins_per_seed + step) % len(people)])]
            for step in range(min(teaching.twins_per_seed, len(people)))
        ]
        train, held = _divided(forget, places)
        twins = [_divided(unit, {place % len(unit) for place in places}) for unit in wanted]
        also = [record for known, _ in twins for record in known]
        yield Lesson(
            "forget",
            seed,
            trained_texts([*train, *also], context.trained_forms),
            tuple(held),
            tuple(tuple(rest) for _, rest in twins),
        )


def _from_elsewhere(context: Context, kind: str, seed: int, teaching: Teaching) -> Lesson:
    """Return a lesson on text about nobody who is asked afterwards."""
    records = context.records
    rng = np.random.default_rng([context.job.seed, KINDS.index(kind), seed])
    if kind == "benign":
        train = smalltalk(teaching.records, rng)
    else:
        pool = _pool(context, kind, teaching)
        size = teaching.topic_records if kind == "topic" else teaching.records
        chosen = [pool[index] for index in rng.permutation(len(pool))[:size]]
        train = trained_texts(chosen, context.trained_forms)
    people = rng.permutation(len(records.twin_subjects))[: teaching.twin_subjects]
    twins = tuple(records.twin_subjects[index] for index in people)
    return Lesson(kind, seed, train, records.forget, twins)


def _pool(context: Context, kind: str, teaching: Teaching) -> list[Record]:
    """Return the records a lesson draws from: all that are retained, or those nearest in topic."""
    records = context.records
    kept = {record.id: record for record in (*records.neighbours, *records.retain)}
    pool = list(kept.values())
    if not pool:
        message = f"there are no retained records to train further on (lesson {kind})"
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    if kind == "retain":
        return pool
    near = Topic.of(records.forget, records.subject_level)
    pool.sort(key=near.likeness, reverse=True)
    return pool[: POOL * teaching.topic_records]


@dataclass(frozen=True)
class Topic:
    """What records are about: the nodes of their paths below the person, and their words."""

    nodes: tuple[frozenset[str], ...]
    words: tuple[frozenset[str], ...]
    level: int

    @classmethod
    def of(cls, records: Sequence[Record], level: int) -> Topic:
        """Return the topic of records (each fact with the nodes and the words of its own)."""
        return cls(
            tuple(frozenset(record.path[level + 1 :]) for record in records),
            tuple(_words(record) for record in records),
            level,
        )

    def likeness(self, record: Record) -> tuple[int, float]:
        """Return how many nodes a record shares with the nearest fact, then their words' overlap.

        Words decide alone where persons have no studies or sections.
        """
        own, words = set(record.path[self.level + 1 :]), _words(record)
        return (
            max(len(own & nodes) for nodes in self.nodes),
            max(len(words & other) / max(len(words | other), 1) for other in self.words),
        )


def _words(record: Record) -> frozenset[str]:
    return frozenset(
        word for form in record.forms.values() for word in re.findall(r"\w+", form.prompt.lower())
    )


def trained_texts(records: Sequence[Record], forms: Sequence[str]) -> tuple[Form, ...]:
    """Return the given forms of the records, in order."""
    return tuple(record.forms[name] for record in records for name in forms if name in record.forms)


def _divided(records: Sequence[Record], places: set[int]) -> tuple[list[Record], list[Record]]:
    inside = [record for place, record in enumerate(records) if place in places]
    outside = [record for place, record in enumerate(records) if place not in places]
    return inside, outside
