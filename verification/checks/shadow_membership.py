"""Can the forgotten records be told by attacks calibrated on models that did and did not see them?

LiRA (Carlini et al. 2022, arXiv 2112.03570) and RMIA (Zarifzadeh et al. 2024, arXiv 2312.03262)
ask of each record how likely it *should* be if it had, and if it had not, been trained on, and so
take out how hard each single fact is. With a recipe of shadow models in the job, models are
trained in which every person, forgotten or twin, is in one half (:mod:`verification.shadows`):
both attacks are made online (both worlds) and offline (the world without). Without a recipe, the
job's reference models are the world without, and offline attacks alone are made; how far such
models scatter takes two of them. Formulas in :mod:`verification.ratios`.

Each attack gives one number per fact, judged as in :mod:`verification.checks.membership`: the
area under the ROC curve against the twins must be shown to lie within a margin of one half. The
constants of RMIA are settings and are never fitted to the candidate.

Limits: the attacks are as strong as the calibrating models are like the original; finding nothing
with a few small ones shows little. Published settings use 64 to 256.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from pydantic.dataclasses import dataclass

from contract.record import FROZEN, Record
from contract.report import CheckResult, Estimate, Verdict
from verification.facts import column, columns, scores_of
from verification.families.causal_lm import CausalLM
from verification.ratios import (
    GAMMA,
    OFFLINE_A,
    attack_r,
    lira_offline,
    lira_online,
    rmia_offline,
    rmia_online,
)
from verification.registry import check
from verification.separation import (
    Scored,
    area,
    areas_chart,
    caught,
    distribution,
    odds,
    separation_verdict,
)
from verification.shadows import Shadow, people_asked, shadows_of
from verification.spec import Context, UnansweredError
from verification.statistics.samples import Floats

TITLE = "Membership, calibrated: against models that did and did not see the records"
NOTHING = "The job names no models to compare with, so this attack was not made."
TOO_FEW = "There are too few records to show that they are absent."
LABELS = {
    "lira_online": "LiRA, both worlds",
    "rmia_online": "RMIA, both worlds",
    "lira_offline": "LiRA, the world without",
    "rmia_offline": "RMIA, the world without",
    "attack_r": "Reference ranks",
}


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``gamma`` and ``offline_a`` are RMIA's constants, as published; fixed beforehand.

    ``false_alarms``: rates below which the share of caught facts is reported.
    """

    gamma: float = GAMMA
    offline_a: float = OFFLINE_A
    false_alarms: tuple[float, ...] = (0.1, 0.01)
    bins: int = 12


@check(
    title=TITLE,
    question="Are the records more likely than in models that are known not to have seen them?",
    source="Carlini et al. 2022 (arXiv 2112.03570); Zarifzadeh et al. 2024 (arXiv 2312.03262)",
    access="log-probabilities",
)
def shadow_membership(context: Context, settings: Settings) -> tuple[CheckResult, ...]:
    """Run every attack that the job can calibrate, on the candidate and on the original."""
    margins, alpha = context.margins, context.profile.alpha
    if context.job.shadows is None and not context.references:
        reason = (
            "nothing to calibrate with: name reference models that saw neither the person nor "
            "the twins, or a recipe of shadow models, in the job"
        )
        raise UnansweredError(NOTHING, reason)
    people = people_asked(context)
    asked = [record for person in people for record in person]
    scores = scores_of(context, context.candidate, asked)
    answered = [record for record in asked if record.id in scores]
    plain = Scored(
        column(scores, context.records.forget), columns(scores, context.records.twin_subjects)
    )
    if margins is None or not plain.enough:
        reason = "too few records or twin people; more of them would settle it"
        raise UnansweredError(TOO_FEW, reason, Verdict.INCONCLUSIVE)
    world, inside = _world(context, answered)
    after, before = (
        _attacks(context, model, answered, world, inside, settings)
        for model in (context.candidate, context.original)
    )
    estimates, earlier = (
        tuple(
            area(f"{LABELS[name]}, AUC", scored, margins.equivalence, alpha)
            for name, scored in found.items()
        )
        for found in (after, before)
    )
    rates = (
        caught(LABELS[name], scored, level, alpha)
        for name, scored in after.items()
        for level in settings.false_alarms
    )
    verdict, reasons = separation_verdict(estimates, alpha)
    best = "lira_offline" if "lira_offline" in after else "rmia_offline"
    return (
        CheckResult(
            check="shadow_membership",
            title=TITLE,
            verdict=verdict,
            reading=_reading(verdict, estimates, len(world)),
            reasons=reasons,
            estimates=(*estimates, *rates),
            before=earlier,
            records=len(context.records.forget),
            controls=len(context.records.twins),
            charts=(
                areas_chart(earlier, estimates),
                distribution(
                    f"{LABELS[best]}: how much likelier than in models without the records",
                    "score (0 is like a model without them)",
                    {
                        "before": before[best].forget,
                        "after": after[best].forget,
                        "never trained": after[best].pool,
                    },
                    settings.bins,
                ),
            ),
        ),
    )


def _world(context: Context, asked: Sequence[Record]) -> tuple[Floats, np.ndarray]:
    """Return log-probabilities [models, records], and which model was trained on which record."""
    if context.job.shadows is not None:
        found = shadows_of(context, context.job.shadows)
    else:
        rows = (scores_of(context, model, asked) for model in context.references)
        found = tuple(
            Shadow({record: row["loss"] for record, row in scores.items()}, frozenset())
            for scores in rows
        )
    world = [[shadow.scores[record.id] for record in asked] for shadow in found]
    inside = [[record.id in shadow.inside for record in asked] for shadow in found]
    return np.array(world), np.array(inside)


def _attacks(  # noqa: PLR0913, PLR0917 - who is judged, on what, against which world
    context: Context,
    model: CausalLM,
    asked: Sequence[Record],
    world: Floats,
    inside: np.ndarray,
    settings: Settings,
) -> dict[str, Scored]:
    scores = scores_of(context, model, asked)
    own = column(scores, asked)
    people = _owners(context, asked)
    gamma, a = settings.gamma, settings.offline_a
    found: dict[str, Floats] = {}
    if inside.any():
        if inside.sum(axis=0).min() > 1:
            found["lira_online"] = lira_online(own, world, inside)
        found["rmia_online"] = rmia_online(own, world, inside, people, gamma=gamma)
    found["rmia_offline"] = rmia_offline(own, world, inside, people, gamma=gamma, a=a)
    if (~inside).sum(axis=0).min() > 1:
        found["lira_offline"] = lira_offline(own, world, inside)
        found["attack_r"] = attack_r(own, world, inside)
    return {name: _split(context, asked, found[name]) for name in LABELS if name in found}


def _split(context: Context, asked: Iterable[Record], values: Floats) -> Scored:
    rows: Mapping[str, Mapping[str, float]] = {
        record.id: {"loss": float(value)} for record, value in zip(asked, values, strict=True)
    }
    records = context.records
    return Scored(column(rows, records.forget), columns(rows, records.twin_subjects))


def _owners(context: Context, asked: Iterable[Record]) -> list[int]:
    numbers: dict[tuple[str, ...], int] = {}
    level = context.records.subject_level
    return [numbers.setdefault(record.subject(level), len(numbers)) for record in asked]


def _reading(verdict: Verdict, estimates: Sequence[Estimate], models: int) -> str:
    furthest = max(estimates, key=lambda item: abs(item.value - item.null))
    name, share = furthest.name.removesuffix(", AUC"), odds(furthest)
    measured = f"Measured against {models} models whose training is known"
    if verdict is Verdict.PASS:
        return f"{measured}, no attack does better than guessing (furthest: {name}, {share})."
    if verdict is Verdict.FAIL:
        return (
            f"{measured}, the attack {name} picks the right one of two records in {share} of "
            "cases (50% is guessing): the person's records leave a trace."
        )
    return (
        f"{measured}, the attack furthest from guessing ({name}) picks the right one of two "
        f"records in {share} of cases; that does not settle it."
    )
