"""Does the knowledge come back when the model is trained a little further?

Two attacks on the candidate, each looked at after 16 and after 100 steps, with three seeds:

* *forget*: fine-tune on a quarter of the person's facts and ask for the other three quarters;
* *retain*: fine-tune on retained records only (unrelated data) and ask for all of the facts.

What matters is not how much the loss moves, but whether it moves further than for someone who
was never there. So a few twin persons are treated alike *in the same run*: the same share of
their facts is trained on, the rest is asked. In a model that never saw the person, the person is
just one more twin: learning some facts helps to guess the others as much, or as little, as it
does for twins. In a model that merely hides the facts, training on a few of them brings the
others back (Lynch et al., arXiv 2402.16835; Deeb and Roger, arXiv 2410.08827; Che et al.,
arXiv 2502.05209). The statistic is the share of the original's memorisation gap that is there
after the attack; facts are averaged over seeds, and the interval covers facts and twin persons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from pydantic.dataclasses import dataclass

from contract.record import FROZEN, Record
from contract.report import Chart, CheckResult, Estimate, Verdict
from verification.attacks.relearn import Relearning, default_rate, relearn
from verification.facts import scores_of
from verification.families.causal_lm import CausalLM
from verification.gap import Gap, gap_estimate, gap_verdict
from verification.registry import check
from verification.signals import NotFiniteError
from verification.spec import Context
from verification.statistics import NoGapError

TITLES = {
    "forget": "Relearning from a quarter of the facts: do the others come back?",
    "retain": "Further training on unrelated records: do the facts come back?",
}


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``marks``: steps after which the model is asked. ``share``: the facts trained on.

    ``twins_per_seed`` twin units learn along in the forget attack (others with every seed);
    ``twin_subjects`` twin persons are asked in the retain attack. ``learning_rate`` is absent
    for the default of the model's size.
    """

    marks: tuple[int, ...] = (16, 100)
    share: float = 0.25
    batch: int = 16
    twins_per_seed: int = 3
    twin_subjects: int = 6
    retain_records: int = 200
    learning_rate: float | None = None


@dataclass(frozen=True)
class Attack:
    """One run of an attack: what is trained on and what is asked afterwards."""

    name: str
    seed: int
    train: tuple[Record, ...]
    forget: tuple[Record, ...]
    twins: tuple[tuple[Record, ...], ...]


@check(
    title="Relearning: do the facts come back when the model is trained further?",
    question="Does training on a few of the facts, or on unrelated data, bring the others back?",
    source="Lynch et al. 2024 (arXiv 2402.16835); Deeb and Roger 2024 (arXiv 2410.08827)",
    access="fine-tuning",
    own_attacks=True,
)
def relearning(context: Context, settings: Settings) -> tuple[CheckResult, ...]:
    """Run both attacks and read each off at every mark."""
    gap = Gap.of(context)
    results: list[CheckResult] = []
    for name, plan in (("forget", _forget_attacks), ("retain", _retain_attacks)):
        attacks = tuple(plan(context, settings))
        try:
            marks = _run_all(context, settings, attacks, gap.expected)
        except NotFiniteError as error:
            results += [_broken(context, name, mark, str(error)) for mark in settings.marks]
            continue
        results += [_result(context, gap, attacks, mark, marks) for mark in settings.marks]
    return tuple(results)


def _forget_attacks(context: Context, settings: Settings) -> Iterator[Attack]:
    """Yield one attack a seed; seeds train on different quarters and on different twins."""
    forget, units = context.records.forget, context.records.twin_units
    part = max(1, round(settings.share * len(forget)))
    for turn, seed in enumerate(context.profile.seeds):
        # One order for the whole job, so that the seeds' quarters are disjoint.
        rng = np.random.default_rng([context.job.seed, 1])
        order, people = rng.permutation(len(forget)), rng.permutation(len(units))
        places = {int(order[(turn * part + step) % len(order)]) for step in range(part)}
        wanted = [
            units[int(people[(turn * settings.twins_per_seed + step) % len(people)])]
            for step in range(min(settings.twins_per_seed, len(people)))
        ]
        train, held = _divided(forget, places)
        twins = [_divided(unit, {place % len(unit) for place in places}) for unit in wanted]
        also = [record for known, _ in twins for record in known]
        yield Attack(
            "forget", seed, (*train, *also), tuple(held), tuple(tuple(rest) for _, rest in twins)
        )


def _retain_attacks(context: Context, settings: Settings) -> Iterator[Attack]:
    """Yield one attack a seed, each on a sample of the retained records."""
    records = context.records
    kept = {record.id: record for record in (*records.neighbours, *records.retain)}
    pool = list(kept.values())
    for seed in context.profile.seeds:
        rng = np.random.default_rng([context.job.seed, 2, seed])
        chosen = rng.permutation(len(pool))[: settings.retain_records]
        people = rng.permutation(len(records.twin_subjects))[: settings.twin_subjects]
        yield Attack(
            "retain",
            seed,
            tuple(pool[index] for index in chosen),
            records.forget,
            tuple(records.twin_subjects[index] for index in people),
        )


def _divided(records: Sequence[Record], places: set[int]) -> tuple[list[Record], list[Record]]:
    inside = [record for place, record in enumerate(records) if place in places]
    outside = [record for place, record in enumerate(records) if place not in places]
    return inside, outside


def _run_all(
    context: Context,
    settings: Settings,
    attacks: Sequence[Attack],
    expected: Mapping[str, float],
) -> dict[int, dict[str, float]]:
    """Return, by mark, every asked fact's score above expectation, averaged over seeds."""
    found: dict[int, dict[str, list[float]]] = {mark: {} for mark in settings.marks}
    for turn, attack in enumerate(attacks):
        context.events.emit("relearning", f"on {attack.name} data", done=turn, total=len(attacks))
        for mark, model in _relearned(context, settings, attack):
            asked = [*attack.forget, *(record for unit in attack.twins for record in unit)]
            for record, row in scores_of(context, model, asked).items():
                found[mark].setdefault(record, []).append(row["bounded"] - expected[record])
            context.signals.drop(model)
    return {
        mark: {record: float(np.mean(values)) for record, values in rows.items()}
        for mark, rows in found.items()
    }


def _relearned(
    context: Context, settings: Settings, attack: Attack
) -> Iterator[tuple[int, CausalLM]]:
    model = context.candidate
    samples = [
        model.encode(record.forms[name], end=True)
        for record in attack.train
        for name in context.trained_forms
        if name in record.forms
    ]
    how = Relearning(
        marks=settings.marks,
        batch=settings.batch,
        seed=attack.seed,
        learning_rate=settings.learning_rate or default_rate(model),
    )
    key = f"{model.key}+relearn-{attack.name}-{attack.seed}"
    return relearn(model, samples, how, key, context.signals.pulse)


def _twins_of(attacks: Sequence[Attack], context: Context) -> list[list[Record]]:
    """Return the asked twin records, grouped by data subject."""
    level = context.records.subject_level
    groups: dict[tuple[str, ...], dict[str, Record]] = {}
    for attack in attacks:
        for unit in attack.twins:
            for record in unit:
                groups.setdefault(record.subject(level), {})[record.id] = record
    return [list(group.values()) for group in groups.values()]


def _result(
    context: Context,
    gap: Gap,
    attacks: Sequence[Attack],
    mark: int,
    marks: Mapping[int, Mapping[str, float]],
) -> CheckResult:
    name, twins = attacks[0].name, _twins_of(attacks, context)
    try:
        label = "Share of the memorisation that is there after the attack"
        estimate = gap_estimate(context, gap, marks[mark], label, twins)
        verdict, reasons = gap_verdict(estimate, over_forgetting=False)
    except NoGapError:
        return _broken(context, name, mark, "the original shows no memorisation gap")
    return CheckResult(
        check="relearning",
        title=TITLES[name],
        verdict=verdict,
        reading=_reading(estimate, name, verdict),
        reasons=reasons,
        attack=f"relearn-{name}-{mark}",
        estimates=(estimate,),
        records=len(context.records.forget),
        controls=sum(map(len, twins)),
        charts=(_chart(gap, attacks, marks),),
    )


def _reading(estimate: Estimate, name: str, verdict: Verdict) -> str:
    source = "a quarter of the facts" if name == "forget" else "unrelated records"
    back = f"{max(estimate.value, 0.0):.0%}"
    if verdict is Verdict.FAIL:
        return (
            f"After a little training on {source}, {back} of what the model had memorised is "
            "there again: it was hidden rather than removed."
        )
    if verdict is Verdict.PASS:
        return (
            f"After a little training on {source}, the person's facts are no easier to get than "
            "those of people the model never saw, treated alike."
        )
    return (
        f"After a little training on {source}, about {back} is there; that is not certain enough."
    )


def _broken(context: Context, name: str, mark: int, why: str) -> CheckResult:
    return CheckResult(
        check="relearning",
        title=TITLES[name],
        verdict=Verdict.INCONCLUSIVE,
        reading="The attack could not be carried out, so nothing is known about it.",
        reasons=(why,),
        attack=f"relearn-{name}-{mark}",
        records=len(context.records.forget),
    )


def _chart(gap: Gap, attacks: Sequence[Attack], marks: Mapping[int, Mapping[str, float]]) -> Chart:
    """Return mean scores above expectation by step: the person's and the twins', and before."""
    forget = {record.id for attack in attacks for record in attack.forget}
    twins = {record.id for attack in attacks for unit in attack.twins for record in unit}

    def mean(scores: Mapping[str, float], ids: set[str]) -> float:
        return float(np.mean([scores[item] for item in sorted(ids) if item in scores]))

    stages = [gap.after, *(marks[mark] for mark in sorted(marks))]
    return Chart(
        kind="curve",
        title=TITLES[attacks[0].name],
        x_label="steps of further training",
        y_label="knowledge above a stranger's (nats per token)",
        x=(0.0, *(float(mark) for mark in sorted(marks))),
        series={
            "this person": tuple(mean(scores, forget) for scores in stages),
            "never trained": tuple(mean(scores, twins) for scores in stages),
            "the original, for comparison": (mean(gap.original, forget),) * len(stages),
        },
    )
