"""How far did the weights move, and which of them?

L2 distance between the original's and the candidate's weights, by layer group, absolute and as a
share of the original's norm; where there are reference models, their distance too. Siddiqui et
al. (arXiv 2505.22310) find that the distance between a model before and after unlearning predicts
how well it withstands relearning: methods that barely move are undone by further training, while
models trained from scratch are far away.

This describes and decides nothing, with one exception that needs no statistics: if everything
below the final norm and the output head is exactly what it was, every inner state is exactly what
it was as well, and with it whatever the inner states held about the person. Only the output was
turned away: FAIL.

Limits: distance is no evidence of forgetting (noise moves weights too), and symmetries of a
network (swapped units) move them without any effect.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic.dataclasses import dataclass

from contract.record import FROZEN
from contract.report import Chart, CheckResult, Estimate, Verdict
from verification.registry import check
from verification.spec import Context
from verification.weights import HEAD, NORM, Change, changes, same_parameters, total

TITLE = "Weight distance: which weights moved, and how far?"
OUTPUT = frozenset({HEAD, NORM})


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """The distance has no settings."""


@check(
    title=TITLE,
    question="Which parts of the model were changed, and by how much?",
    source="Siddiqui et al. 2025 (arXiv 2505.22310)",
    access="weights",
)
def weight_distance(context: Context, settings: Settings) -> tuple[CheckResult, ...]:  # noqa: ARG001 - a check takes its settings, even when it has none
    """Measure the change of every layer group."""
    if not same_parameters(context.original, context.candidate):
        return (_result(context, Verdict.NOT_APPLICABLE, _DIFFERENT, _DIFFERENT),)
    found = changes(context.original, context.candidate)
    body = total({name: item for name, item in found.items() if name not in OUTPUT})
    whole = total(found)
    references = [
        total(changes(context.original, model))
        for model in context.references
        if same_parameters(context.original, model)
    ]
    estimates = (
        Estimate("Distance of all weights (L2)", whole.distance),
        Estimate("Distance as a share of the original's norm", whole.relative),
        Estimate("The same without the final norm and the output head", body.relative),
        *(Estimate("Distance of a reference model (share)", item.relative) for item in references),
    )
    moved = f"the weights moved by {whole.relative:.2%} of their size"
    if body.distance > 0.0:
        reason = "a distance describes and proves nothing; the other checks decide"
        reading = f"Over all, {moved}; the picture shows where."
        return (
            _result(
                context, Verdict.INCONCLUSIVE, reading, reason, estimates=estimates, found=found
            ),
        )
    reason = "every weight below the output head is exactly what it was in the original"
    reading = (
        "Nothing inside the model was changed"
        + (", only its last step." if whole.distance > 0.0 else ", and not its last step either.")
        + " What it held about the person is still there."
    )
    return (_result(context, Verdict.FAIL, reading, reason, estimates=estimates, found=found),)


_DIFFERENT = "the two models have weights of different shapes; there is no distance between them"


def _result(  # noqa: PLR0913 - the parts of one result
    context: Context,
    verdict: Verdict,
    reading: str,
    reason: str,
    *,
    estimates: tuple[Estimate, ...] = (),
    found: Mapping[str, Change] | None = None,
) -> CheckResult:
    return CheckResult(
        check="weight_distance",
        title=TITLE,
        verdict=verdict,
        reading=reading[0].upper() + reading[1:],
        reasons=(reason,),
        estimates=estimates,
        records=len(context.records.forget),
        charts=(_chart(found),) if found else (),
    )


def _chart(found: Mapping[str, Change]) -> Chart:
    return Chart(
        kind="bars",
        title="How far each part of the model moved",
        x_label="part",
        y_label="distance as a share of its norm",
        x=tuple(found),
        series={"after": tuple(item.relative for item in found.values())},
    )
