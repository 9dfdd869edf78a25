"""From signals to statistics: one number per fact, grouped by data subject.

The trained forms of one fact are wordings of the same thing and are never counted as
independent: their scores are averaged first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from contract.record import Record
from verification.families.causal_lm import CausalLM
from verification.scores import membership_scores
from verification.signals import Probe, Signal
from verification.spec import Context

Floats = NDArray[np.float64]
FactScores = Mapping[str, Mapping[str, float]]
"""Record id -> score name -> mean over the record's forms (higher: more likely still known)."""


def fact_scores(signals: Mapping[Probe, Signal]) -> FactScores:
    """Return every membership score of every fact, averaged over its forms."""
    rows: dict[str, list[dict[str, float]]] = defaultdict(list)
    for (record, _), signal in signals.items():
        scores = membership_scores(signal.log_probs, signal.mean, signal.deviation, signal.answer)
        rows[record].append({**scores, "bounded": signal.bounded})
    return {
        record: {name: float(np.mean([row[name] for row in own])) for name in own[0]}
        for record, own in rows.items()
    }


def scores_of(
    context: Context, model: CausalLM, records: Sequence[Record], forms: Sequence[str] | None = None
) -> FactScores:
    """Return the scores of the records' trained forms (or of ``forms``) under a model."""
    return fact_scores(context.signals.scores(model, records, forms or context.trained_forms))


def column(scores: FactScores, records: Iterable[Record], name: str = "loss") -> Floats:
    """Return one score of the records in their order; records without any form are left out."""
    return np.array([scores[record.id][name] for record in records if record.id in scores])


def columns(
    scores: FactScores, groups: Iterable[Sequence[Record]], name: str = "loss"
) -> list[Floats]:
    """Return one array per group of records, groups without scores left out."""
    found = (column(scores, group, name) for group in groups)
    return [values for values in found if values.size]
