"""Ask probes of a model, of the person and of never-trained twins alike, and score the answers.

The score of a fact in one wording is how much likelier the model makes the true answer than
answers of the same kind (mean log-probability per token, no token counted below a blind guess):
the logarithm of a truth ratio. It needs no model that follows instructions, and it sees through a
refusal: one that makes *every* answer unlikely does not change the preference among them.

Of each twin person the same number of records is asked, drawn by the seed.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from contract.record import Form, Record
from verification.families.causal_lm import CausalLM
from verification.probes.fact import Fact, Probe, Question
from verification.probes.gather import facts_of
from verification.spec import Context
from verification.statistics.samples import Floats

Asked = tuple[str, str]
"""A record's id and the name of a column: of a probe, a step or a measure."""


@dataclass(frozen=True)
class Sample:
    """The person's facts and those of twins that are asked for comparison, by person."""

    own: tuple[Fact, ...]
    twins: tuple[tuple[Fact, ...], ...]

    @classmethod
    def of(cls, context: Context, twin_records: int) -> Sample:
        """Take all records of the person and about ``twin_records`` of the twins'."""
        groups = _drawn(context, twin_records)
        facts = facts_of(context, [*context.records.forget, *(r for own in groups for r in own)])
        known = [tuple(facts[r.id] for r in group if r.id in facts) for group in groups]
        own = tuple(facts[r.id] for r in context.records.forget if r.id in facts)
        return cls(own, tuple(group for group in known if group))

    @property
    def everyone(self) -> tuple[Fact, ...]:
        """Return the facts of all."""
        return (*self.own, *(fact for group in self.twins for fact in group))

    @property
    def strangers(self) -> int:
        """Return how many facts are the twins'."""
        return sum(map(len, self.twins))


@dataclass(frozen=True)
class Panel:
    """Scores [records, columns] of the person and of each twin person; NaN where not asked."""

    columns: tuple[str, ...]
    own: Floats
    twins: tuple[Floats, ...]

    def column(self, name: str) -> tuple[Floats, list[Floats]]:
        """Return one column without what was not asked: the person's, and each twin person's."""
        place = self.columns.index(name)
        twins = [_known(group[:, place]) for group in self.twins]
        return _known(self.own[:, place]), [group for group in twins if group.size]


def _known(values: Floats) -> Floats:
    return np.asarray(values[np.isfinite(values)])


def panel_of(sample: Sample, columns: Sequence[str], scores: Mapping[Asked, float]) -> Panel:
    """Arrange scores as a panel."""

    def rows(facts: Sequence[Fact]) -> Floats:
        table = [[scores.get((fact.record, name), np.nan) for name in columns] for fact in facts]
        return np.array(table, dtype=np.float64).reshape(len(facts), len(columns))

    return Panel(tuple(columns), rows(sample.own), tuple(rows(group) for group in sample.twins))


def questions_of(
    context: Context, sample: Sample, probes: Mapping[str, Probe]
) -> dict[Asked, Question]:
    """Build every probe for every fact, by title; those too long for the model are left out."""
    found = {}
    for fact in sample.everyone:
        for probe in probes.values():
            question = probe.build(fact)
            if question is None or not question.wrong:
                continue
            if not context.original.encode(question.right).cut:
                found[fact.record, probe.title] = question
    return found


def preferences(
    context: Context, model: CausalLM, questions: Mapping[Asked, Question]
) -> dict[Asked, float]:
    """Return how much each true answer is preferred to the untrue ones (nats a token)."""
    forms: dict[Hashable, Form] = {}
    for key, question in questions.items():
        forms[key, -1] = question.right
        forms |= {(key, place): form for place, form in enumerate(question.wrong)}
    signals = context.signals.ask(model, forms)
    return {
        key: signals[key, -1].bounded
        - float(np.mean([signals[key, place].bounded for place in range(len(question.wrong))]))
        for key, question in questions.items()
    }


def _drawn(context: Context, count: int) -> list[list[Record]]:
    """Draw the same number of records of each twin person; of ``count`` persons if more."""
    groups = context.records.twin_subjects
    rng = np.random.default_rng([context.job.seed, 17])
    if len(groups) > count:
        groups = tuple(
            groups[place] for place in sorted(rng.choice(len(groups), count, replace=False))
        )
    each = max(1, count // max(len(groups), 1))
    drawn = []
    for group in groups:
        chosen = rng.choice(len(group), min(each, len(group)), replace=False)
        drawn.append([group[place] for place in sorted(chosen)])
    return drawn
