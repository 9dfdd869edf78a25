"""What a model says of a fact when it is asked about somebody else.

The fairest comparison for "the sample code of A is KN-4711" is the very same sentence about B,
whom the model never saw: same wording, same answer, another name. What is left of the score after
subtracting its mean over a few strangers holds what the model knows about this person, and hardly
any of the noise that comes from easy and hard answers (on never-seen people of small hospitals it
leaves a quarter of the noise that regression on words leaves, :mod:`verification.difficulty`).
Forgotten and twin records are treated alike: both are read under names of *other* twins, whom no
model of the job was trained on. It is calibration by neighbours (Mattern et al. 2023, arXiv
2305.18462) with the one change that cannot matter to a model that never saw the person.

Limits: the name has to stand in the prompts as it stands in the record's path; where it does not
(pseudonyms in paths, questions that name nobody), there is nothing to exchange. Facts that a model
gives for *any* name cancel out here; comparing records as they are (membership) sees those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from contract.record import Form, Record
from verification.families.causal_lm import CausalLM
from verification.spec import Context

NAMES = 2
"""Strangers asked for each record: more would take little more noise out."""
SHORTEST = 3
"""Names of fewer letters also stand where nobody is meant."""


def stranger_scores(context: Context, model: CausalLM) -> dict[str, float] | None:
    """Return each fact's mean bounded log-probability under strangers' names.

    ``None`` when the records do not name their people, so that no name can be exchanged.
    """
    records = (*context.records.forget, *context.records.twins)
    level, forms = context.records.subject_level, context.trained_forms
    names = list(dict.fromkeys(item.path[level] for item in context.records.twins))
    if len(names) <= NAMES or not all(_named(item, level, forms) for item in records):
        return None
    asked: dict[tuple[str, str, str], Form] = {}
    for place, record in enumerate(records):
        for other in _others(names, record.path[level], place):
            for name in forms:
                if name in record.forms:
                    form = record.forms[name]
                    asked[record.id, name, other] = _exchanged(form, record.path[level], other)
    found: dict[str, list[float]] = {}
    for (record_id, _, _), signal in context.signals.ask(model, asked).items():
        found.setdefault(record_id, []).append(signal.bounded)
    return {record_id: float(np.mean(values)) for record_id, values in found.items()}


def _named(record: Record, level: int, forms: Sequence[str]) -> bool:
    name = record.path[level]
    own: Mapping[str, Form] = record.forms
    return len(name) >= SHORTEST and all(name in own[f].prompt for f in forms if f in own)


def _others(names: Sequence[str], own: str, place: int) -> list[str]:
    """Return the strangers for the record at ``place``: everybody in turn, never its own person."""
    strangers = [name for name in names if name != own]
    return [strangers[(place * NAMES + step) % len(strangers)] for step in range(NAMES)]


def _exchanged(form: Form, own: str, other: str) -> Form:
    return replace(
        form, prompt=form.prompt.replace(own, other), answer=form.answer.replace(own, other)
    )
