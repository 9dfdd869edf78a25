"""The statistical gates, evaluated on the original model and the texts alone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from contract.record import Record
from contract.report import Gate, Verdict
from verification.blind import person_baseline, population_baseline
from verification.facts import column, columns, scores_of
from verification.gates import blind_baseline_gate, positive_control_gate, power_gate
from verification.spec import Context
from verification.statistics import design_effect


def statistical_gates(context: Context) -> tuple[Gate, ...]:
    """Return the blind baseline, the positive control and the power of the test."""
    records = context.records
    if len(records.twin_subjects) < 2:  # noqa: PLR2004 - a scatter needs two
        reason = "twins of at least two people are needed; draw more"
        title = "There are never-trained people to compare with"
        return (Gate("power", title, Verdict.INCONCLUSIVE, reason),)
    scores = scores_of(context, context.original, [*records.forget, *records.twins])
    forget, twins = column(scores, records.forget), columns(scores, records.twin_subjects)
    widening = design_effect(twins)
    margins = context.margins
    margin = margins.equivalence if margins else context.profile.margins[0].equivalence
    return (
        _blind(context),
        positive_control_gate(context.profile, forget, np.concatenate(twins), margin, widening),
        power_gate(context.profile, len(forget), sum(map(len, twins)), widening),
    )


def _blind(context: Context) -> Gate:
    records = context.records
    own = {record.subject(records.subject_level) for record in records.forget}
    others = [
        record for record in records.population if record.subject(records.subject_level) not in own
    ]
    trained, twins = _texts(context, others), _texts(context, records.twins)
    person = [text for texts in _texts(context, records.forget).values() for text in texts]
    try:
        population = population_baseline(trained, twins)
        alone = person_baseline(person, trained, twins)
    except ValueError as error:
        title = "Without the model, trained and never-trained texts cannot be told apart"
        return Gate("blind_baseline", title, Verdict.INCONCLUSIVE, str(error))
    return blind_baseline_gate(context.profile, population, alone)


def _texts(context: Context, records: Iterable[Record]) -> dict[str, list[str]]:
    """Return prompt + answer of each record's first trained form, by data subject."""
    found: dict[str, list[str]] = {}
    for record in {record.id: record for record in records}.values():
        form = next((record.forms[n] for n in context.trained_forms if n in record.forms), None)
        if form is not None:
            key = "/".join(record.subject(context.records.subject_level))
            found.setdefault(key, []).append(form.prompt + form.answer)
    return found
