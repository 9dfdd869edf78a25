"""How alike are the inner states of the two models, for this person and for strangers?

Linear centred kernel alignment (Kornblith et al. 2019, arXiv 1905.00414) of the states at the end
of the question, rows being facts and wordings, layer by layer:

    CKA(X, Y) = ||Y'X||^2_F / (||X'X||_F ||Y'Y||_F),   X, Y centred

1 means equal up to rotation and scale. For the person it is taken between original and candidate;
for as many never-trained twins' facts too, because with few rows and many dimensions CKA is high
for any two models. With reference models (R), following "Are We Truly Forgetting?" (2024):

    erasure = (CKA(candidate, R) - CKA(original, R)) / (1 - CKA(original, R))

1: the states are a retrained model's, 0: no nearer to one than the original's.

This describes and decides nothing (among published measures it is one of the least faithful to
what is known of a model; checks of the Unlearning Depth Score paper, arXiv 2605.24614), with one
exception: states of the person that did not change at all, in any layer, hold what they held.
FAIL then.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from contract.record import FROZEN, Record
from contract.report import Chart, CheckResult, Estimate, Verdict
from verification.families.causal_lm import CausalLM
from verification.registry import check
from verification.signals.anatomy import UnknownAnatomyError
from verification.signals.hidden import inside
from verification.spec import Context, UnansweredError

TITLE = "CKA: how alike are the inner states before and after?"
NOTHING = "The inner states of the two models could not be compared."
UNCHANGED = 1e-5
"""Largest relative change of states that rounding may explain."""
FEWEST = 4
Floats = NDArray[np.float64]


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """CKA has no settings."""


def linear_cka(x: Floats, y: Floats) -> float:
    """Return linear CKA of two sets of states [rows, dimensions] of the same rows.

    Computed from Gram matrices when there are fewer rows than dimensions. States without any
    spread are alike (1) only to others without any.
    """
    one, two = x - x.mean(axis=0), y - y.mean(axis=0)
    if len(one) <= max(one.shape[1], two.shape[1]):
        first, second = one @ one.T, two @ two.T
        cross, sizes = float((first * second).sum()), (first, second)
    else:
        cross = float(np.square(two.T @ one).sum())
        sizes = (one.T @ one, two.T @ two)
    scale = float(np.linalg.norm(sizes[0]) * np.linalg.norm(sizes[1]))
    if scale == 0.0:
        return float(not sizes[0].any() and not sizes[1].any())
    return cross / scale


@check(
    title=TITLE,
    question="Did the inner states of this person's questions change, and more than a stranger's?",
    source="Kornblith et al. 2019 (arXiv 1905.00414)",
    access="hidden states",
)
def cka(context: Context, settings: Settings) -> tuple[CheckResult, ...]:  # noqa: ARG001 - a check takes its settings, even when it has none
    """Compare states of the person and of twins between the models."""
    records = context.records
    rng = np.random.default_rng([context.job.seed, 8])
    order = rng.permutation(len(records.twins))[: len(records.forget)]
    sets = {"this person": records.forget, "never trained": [records.twins[i] for i in order]}
    try:
        before = {name: _states(context, context.original, item) for name, item in sets.items()}
        after = {name: _states(context, context.candidate, item) for name, item in sets.items()}
        references = [_states(context, model, records.forget) for model in context.references]
    except UnknownAnatomyError as error:
        raise UnansweredError(NOTHING, str(error)) from error
    own = before["this person"], after["this person"]
    if len(own[0]) != len(own[1]) or len(own[0][0]) < FEWEST:
        reason = "the two models have different numbers of layers, or there are too few records"
        raise UnansweredError(NOTHING, reason)
    curves = {name: _curve(before[name], after[name]) for name in sets}
    return (_result(context, curves, _unchanged(*own), _erasures(own, references)),)


def _states(context: Context, model: CausalLM, records: Sequence[Record]) -> list[Floats]:
    """Return, by layer, the states [facts x wordings, hidden] at the end of the question."""
    found = inside(context.signals, model, records, context.trained_forms)
    rows = [found[probe].states[:, 0] for probe in sorted(found)]
    return list(np.stack(rows, axis=1).astype(np.float64))


def _curve(before: Sequence[Floats], after: Sequence[Floats]) -> list[float]:
    return [linear_cka(one, two) for one, two in zip(before, after, strict=True)]


def _unchanged(before: Sequence[Floats], after: Sequence[Floats]) -> bool:
    """Say whether no layer's states changed by more than rounding."""
    return all(
        one.shape == two.shape
        and float(np.linalg.norm(two - one)) <= UNCHANGED * float(np.linalg.norm(one))
        for one, two in zip(before, after, strict=True)
    )


def _erasures(
    own: tuple[Sequence[Floats], Sequence[Floats]], references: Sequence[Sequence[Floats]]
) -> tuple[Estimate, ...]:
    """Return, by reference, the mean erasure over layers above the embeddings."""
    found = []
    for reference in references:
        if len(reference) != len(own[0]):
            continue
        old, new = (_curve(part, reference)[1:] for part in own)
        parts = [(b - a) / (1.0 - a) for a, b in zip(old, new, strict=True) if a < 1.0]
        if parts:
            name = "Erasure against a reference model (1: like it, 0: not nearer)"
            found.append(Estimate(name, float(np.mean(parts))))
    return tuple(found)


def _result(
    context: Context,
    curves: dict[str, list[float]],
    unchanged: bool,  # noqa: FBT001 - the one finding that decides
    erasures: tuple[Estimate, ...],
) -> CheckResult:
    person, twins = (float(np.mean(curves[name][1:])) for name in ("this person", "never trained"))
    reading = (
        "The inner states of this person's questions are exactly those of the original: nothing "
        "was removed inside."
        if unchanged
        else f"The inner states of this person's questions are {person:.2f} alike before and "
        f"after (1 is equal), those of people the model never saw {twins:.2f}."
    )
    reason = (
        "no layer's states of the person's questions changed"
        if unchanged
        else "likeness describes and proves nothing; the other checks decide"
    )
    return CheckResult(
        check="cka",
        title=TITLE,
        verdict=Verdict.FAIL if unchanged else Verdict.INCONCLUSIVE,
        reading=reading,
        reasons=(reason,),
        estimates=(
            Estimate("CKA of original and candidate, this person", person),
            Estimate("CKA of original and candidate, never trained", twins),
            *erasures,
        ),
        records=len(context.records.forget),
        controls=len(context.records.forget),
        charts=(
            Chart(
                kind="curve",
                title="How alike the states before and after are",
                x_label="layer",
                y_label="CKA",
                x=tuple(float(layer) for layer in range(len(curves["this person"]))),
                series={name: tuple(values) for name, values in curves.items()},
            ),
        ),
    )
