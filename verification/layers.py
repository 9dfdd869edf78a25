"""Scores of facts at every layer, judged like scores at the output.

What a layer would give a fact that the model never saw is learned from the twins at that layer
(:mod:`verification.difficulty`), in the same model. Layers count where the *original* shows the
person. An attacker may pick the best of them for each fact; the twins' best is picked in the
same way, so that picking costs nothing in fairness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from contract.record import Record
from contract.report import Chart
from verification.difficulty import difficulty
from verification.spec import Context
from verification.statistics import NoGapError

Floats = NDArray[np.float64]
Layered = Mapping[str, Floats]
"""Record id -> one number per layer."""


def averaged(rows: Mapping[tuple[str, str], Floats]) -> Layered:
    """Return the mean over each record's forms, of numbers by (record id, form)."""
    grouped: dict[str, list[Floats]] = {}
    for (record, _), values in rows.items():
        grouped.setdefault(record, []).append(values)
    return {record: np.asarray(np.mean(own, axis=0)) for record, own in grouped.items()}


def depth(found: Layered) -> int:
    """Return how many layers the scores have."""
    return len(next(iter(found.values()), ()))


def excess(context: Context, plain: Layered) -> Layered:
    """Return what each layer gives each fact above what it gives unseen facts of its kind."""
    records = context.records
    twins = [record.id for record in records.twins if record.id in plain]
    wanted = [record for record in records.forget if record.id in plain]
    expected: dict[str, list[float]] = {record: [] for record in plain}
    for layer in range(depth(plain)):
        scores = {record: float(plain[record][layer]) for record in twins}
        guess = difficulty(scores, records.twin_subjects, wanted, context.trained_forms)
        for record, values in expected.items():
            values.append(guess[record])
    return {record: plain[record] - np.array(expected[record]) for record in plain}


def means(found: Layered, records: Sequence[Record]) -> Floats:
    """Return, by layer, the mean over the records that have scores."""
    return np.asarray(np.mean([found[item.id] for item in records if item.id in found], axis=0))


def chosen(context: Context, before: Layered, share: float) -> list[int]:
    """Return the layers whose gap in the original is at least ``share`` of the largest.

    Raises :class:`NoGapError` when no layer gives the person more than a stranger.
    """
    gaps = means(before, context.records.forget) - means(before, context.records.twins)
    if gaps.max() <= 0.0:
        message = "no layer of the original gives the person's answers more than a stranger's"
        raise NoGapError(message)
    return [layer for layer, gap in enumerate(gaps) if gap >= share * gaps.max()]


def best(found: Layered, layers: Sequence[int]) -> dict[str, float]:
    """Return each fact's score in its best layer."""
    return {record: float(values[list(layers)].max()) for record, values in found.items()}


def layers_chart(
    context: Context, title: str, y_label: str, before: Layered, after: Layered
) -> Chart:
    """Return mean scores by layer: the person before and after, and the twins."""
    series = {
        "before": means(before, context.records.forget),
        "after": means(after, context.records.forget),
        "never trained": means(after, context.records.twins),
    }
    return Chart(
        kind="curve",
        title=title,
        x_label="layer",
        y_label=y_label,
        x=tuple(float(layer) for layer in range(depth(before))),
        series={name: tuple(map(float, values)) for name, values in series.items()},
    )
