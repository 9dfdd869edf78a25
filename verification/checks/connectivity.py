"""Does a straight way lead back from the new model to the original?

Weights are mixed, ``(1 - share) * original + share * candidate``, and the mean loss of retained
facts, of the person's and of never-trained twins' is taken along the way (linear mode
connectivity; Frankle et al. 2020, arXiv 1912.05671). The barrier is how far the loss rises above
the straight line between both ends:

    barrier = max over shares of  loss(share) - ((1 - share) loss(0) + share loss(1))

Siddiqui et al. (arXiv 2505.22310) find that a model in the same valley as the original (no
barrier on retained data) tends to be undone by relearning, and a retrained one not. Also told is
how much of the memorisation (the gap of log-probability between person and twins) is there half
way, as a share of the original's: what mixing the two models in equal parts brings back.

This describes and decides nothing: honest approximate methods stay in the valley as well. The
weight-averaging attack judges what mixing brings back. Limits: no way exists between models of
different shapes or tokenisers; swapped units look like a barrier.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from contract.record import FROZEN, Record
from contract.report import Chart, CheckResult, Estimate, Verdict
from verification.facts import scores_of
from verification.registry import check
from verification.spec import Context
from verification.weights import interpolated, same_parameters

TITLE = "Connectivity: does a straight way lead back to the original?"
LOW = 0.1
"""Nats a token below which a rise of the loss is not called a barrier."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``shares`` of the candidate on the way; ``facts`` asked of retained people and of twins."""

    shares: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    facts: int = 48


@check(
    title=TITLE,
    question="Do the original and the new model lie in one valley?",
    source="Frankle et al. 2020 (arXiv 1912.05671); Siddiqui et al. 2025 (arXiv 2505.22310)",
    access="weights",
)
def connectivity(context: Context, settings: Settings) -> tuple[CheckResult, ...]:
    """Take the losses along the way."""
    one, two = context.original, context.candidate
    if not same_parameters(one, two) or one.tokenizer.get_vocab() != two.tokenizer.get_vocab():
        reason = "the two models differ in the shapes of their weights or in their tokens"
        return (_result(context, Verdict.NOT_APPLICABLE, "There is no way between them.", reason),)
    kept = _sample(context, (*context.records.neighbours, *context.records.retain), settings.facts)
    sets = {
        "retained": kept,
        "this person": context.records.forget,
        "never trained": _sample(context, context.records.twins, settings.facts),
    }
    sets = {name: records for name, records in sets.items() if records}
    rows = np.array([_losses(context, share, tuple(sets.values())) for share in settings.shares])
    losses = dict(zip(sets, rows.T, strict=True))
    shares = np.array(settings.shares)
    estimates = [
        Estimate(f"Barrier, {name} (nats a token)", barrier(shares, values))
        for name, values in losses.items()
    ]
    gap = losses["never trained"] - losses["this person"]
    if gap[0] > 0.0:
        half = float(np.interp(0.5, shares, gap)) / float(gap[0])
        estimates.append(Estimate("Share of the memorisation that is there half way", half))
    reason = "a barrier describes and proves nothing; the other checks decide"
    return (
        _result(
            context,
            Verdict.INCONCLUSIVE,
            _reading(estimates),
            reason,
            estimates=tuple(estimates),
            charts=(_chart(shares, losses),),
        ),
    )


def barrier(shares: Floats, losses: Floats) -> float:
    """Return the largest rise of the losses above the straight line between their ends."""
    line = losses[0] + (losses[-1] - losses[0]) * (shares - shares[0]) / (shares[-1] - shares[0])
    return float((losses - line).max())


def _sample(context: Context, records: Sequence[Record], count: int) -> tuple[Record, ...]:
    rng = np.random.default_rng([context.job.seed, 7])
    return tuple(records[index] for index in rng.permutation(len(records))[:count])


def _losses(context: Context, share: float, sets: Sequence[Sequence[Record]]) -> list[float]:
    """Return the mean loss of each set at a place on the way (nats a token)."""
    key = f"{context.candidate.key}+mixed-{share:g}"
    model = {0.0: context.original, 1.0: context.candidate}.get(share)
    place = model or interpolated(context.original, context.candidate, share, key)
    everybody = [record for records in sets for record in records]
    scores = scores_of(context, place, everybody)
    if model is None:
        context.signals.drop(place)
    return [
        -float(np.mean([scores[record.id]["loss"] for record in records if record.id in scores]))
        for records in sets
    ]


def _reading(estimates: Sequence[Estimate]) -> str:
    retained = next((item for item in estimates if "retained" in item.name), None)
    if retained is None:
        return "There were no retained records to look for a barrier with."
    if retained.value < LOW:
        return (
            "A straight way without a barrier leads back to the original: such models are often "
            "brought back by little training, so the relearning checks matter most here."
        )
    return (
        f"On the straight way back to the original lies a barrier of {retained.value:.2f} nats a "
        "token: the new model lies elsewhere, as retrained models do."
    )


def _result(  # noqa: PLR0913 - the parts of one result
    context: Context,
    verdict: Verdict,
    reading: str,
    reason: str,
    *,
    estimates: tuple[Estimate, ...] = (),
    charts: tuple[Chart, ...] = (),
) -> CheckResult:
    return CheckResult(
        check="connectivity",
        title=TITLE,
        verdict=verdict,
        reading=reading,
        reasons=(reason,),
        estimates=estimates,
        records=len(context.records.forget),
        controls=len(context.records.twins),
        charts=charts,
    )


def _chart(shares: Floats, losses: dict[str, Floats]) -> Chart:
    return Chart(
        kind="curve",
        title="Loss on the straight way from the original (0) to the new model (1)",
        x_label="share of the new model",
        y_label="loss (nats per token)",
        x=tuple(map(float, shares)),
        series={name: tuple(map(float, values)) for name, values in losses.items()},
    )
