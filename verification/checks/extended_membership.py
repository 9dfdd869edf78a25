"""Can the forgotten records be told by attacks that look closer than one forward pass?

* *Gradient norm*: a record that was trained on pulls less at the weights; one backward pass a
  record (Nasr et al. 2019, arXiv 1812.00910; mean of the tensors' 2-norms as in OpenUnlearning).
* *ReCaLL*: strange company hurts what is remembered more; the prefix is taken from a
  never-trained person who is compared with nobody (Xie et al. 2024, arXiv 2406.15968).
* *Neighbourhood*: a remembered answer is much better than its slightly changed copies (Mattern
  et al. 2023, arXiv 2305.18462); copies are drawn by token frequency, not by a language model.
* *DC-PDD*: what is likely although it is rare (Zhang et al. 2024, arXiv 2409.14781), with other
  trained people's answers as the corpus.

Each gives one number per fact, judged as in :mod:`verification.checks.membership`: the area
under the ROC curve must be shown to lie within a margin of one half.

Limits: costly, so only some of many records and twins are asked (whole persons, drawn by the
job's seed), in one trained wording each; the result says how many. ReCaLL divides by a loss that
is near zero for answers known by heart: its ranks mean something, its size does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from pydantic.dataclasses import dataclass as settings_dataclass

from contract.record import FROZEN, Form, Record
from contract.report import CheckResult, Estimate, Verdict
from verification.facts import column, columns
from verification.families.causal_lm import CausalLM
from verification.perturbed import Frequencies, copies_of, prefix_of, prefixed
from verification.registry import check
from verification.scores import (
    dc_pdd_score,
    gradient_norm_score,
    neighbourhood_score,
    recall_score,
)
from verification.separation import Scored, area, areas_chart, caught, odds, separation_verdict
from verification.signals.gradients import gradient_norms
from verification.spec import Context, UnansweredError

TITLE = "Membership, closer: gradients, strange company and changed copies"
MORE = "more records, or twins of more people, would settle it"
TOO_FEW = "The closer attacks could not be made, so nothing is known about them."
LABELS = {
    "gradient_norm": "Gradient norm",
    "recall": "ReCaLL",
    "neighbourhood": "Neighbourhood",
    "dc_pdd": "DC-PDD",
}
FEWEST_PEOPLE = 3
"""One twin person lends the prefix, and two are needed to see how people scatter."""
Scores = Mapping[str, Mapping[str, float]]


@settings_dataclass(frozen=True, config=FROZEN)
class Settings:
    """``attacks``: which are made. ``records``, ``twin_records``: how many are asked at most.

    ``copies`` changed copies with ``masked`` of the answer's tokens exchanged; ``shots`` records
    in the strange company; ``false_alarms``: the rate below which caught facts are counted.
    """

    attacks: tuple[str, ...] = tuple(LABELS)
    records: int = 60
    twin_records: int = 80
    copies: int = 25
    masked: float = 0.3
    shots: int = 6
    false_alarms: float = 0.1


@dataclass(frozen=True)
class Asked:
    """Who is asked: forgotten records, twin persons to compare with, and the company."""

    forget: tuple[Record, ...]
    twins: tuple[tuple[Record, ...], ...]
    company: tuple[Form, ...]
    forms: Mapping[str, Form]

    @cached_property
    def controls(self) -> int:
        """Return the number of twin records asked."""
        return sum(map(len, self.twins))


@check(
    title=TITLE,
    question="Do attacks that look at gradients or at changed copies tell the person's records?",
    source="arXiv 1812.00910; arXiv 2406.15968; arXiv 2305.18462; arXiv 2409.14781",
    access="gradients",
)
def extended_membership(context: Context, settings: Settings) -> tuple[CheckResult, ...]:
    """Run every attack on the candidate and, for comparison, on the original."""
    margins, alpha = context.margins, context.profile.alpha
    asked = _asked(context, settings)
    if margins is None or len(asked.forget) < 2 or len(asked.twins) + 1 < FEWEST_PEOPLE:  # noqa: PLR2004 - a rank needs two
        raise UnansweredError(
            TOO_FEW,
            f"too few records, or twins of fewer than three people; {MORE}",
            Verdict.INCONCLUSIVE,
        )
    try:
        runs = [
            _scores(context, model, asked, settings)
            for model in (context.original, context.candidate)
        ]
    except ValueError as error:
        raise UnansweredError(TOO_FEW, f"{error}; {MORE}", Verdict.INCONCLUSIVE) from error
    before, after = (
        {
            name: Scored(column(run, asked.forget, name), columns(run, asked.twins, name))
            for name in next(iter(run.values()))
        }
        for run in runs
    )
    estimates, earlier = (
        tuple(
            area(f"{LABELS[name]}, AUC", scored, margins.equivalence, alpha)
            for name, scored in found.items()
        )
        for found in (after, before)
    )
    rates = (
        caught(LABELS[name], scored, settings.false_alarms, alpha) for name, scored in after.items()
    )
    verdict, reasons = separation_verdict(estimates, alpha)
    return (
        CheckResult(
            check="extended_membership",
            title=TITLE,
            verdict=verdict,
            reading=_reading(context, verdict, estimates, asked),
            reasons=reasons,
            estimates=(*estimates, *rates),
            before=earlier,
            records=len(asked.forget),
            controls=asked.controls,
            charts=(areas_chart(earlier, estimates),),
        ),
    )


def _asked(context: Context, settings: Settings) -> Asked:
    """Choose whom to ask, by the job's seed: whole twin persons, the first for the company."""
    rng = np.random.default_rng([context.job.seed, 3])
    records = context.records
    forms = {record.id: form for record in records.forget if (form := _form(context, record))}
    forget = [record for record in records.forget if record.id in forms]
    if len(forget) > settings.records:
        places = sorted(rng.choice(len(forget), settings.records, replace=False))
        forget = [forget[place] for place in places]
    people = [records.twin_subjects[place] for place in rng.permutation(len(records.twin_subjects))]
    company = [form for record in people[0] if (form := _form(context, record))] if people else []
    chosen: list[tuple[Record, ...]] = []
    for person in people[1:]:
        own = {record.id: form for record in person if (form := _form(context, record))}
        # Two people at least, however many records each has.
        full = sum(map(len, chosen)) + len(own) > settings.twin_records
        if own and not (full and len(chosen) + 1 >= FEWEST_PEOPLE):
            chosen.append(tuple(record for record in person if record.id in own))
            forms |= own
    wanted = {record.id for record in (*forget, *(item for own in chosen for item in own))}
    return Asked(
        tuple(forget),
        tuple(chosen),
        tuple(company),
        {record: form for record, form in forms.items() if record in wanted},
    )


def _form(context: Context, record: Record) -> Form | None:
    """Return the record's first trained wording."""
    return next((record.forms[n] for n in context.trained_forms if n in record.forms), None)


def _scores(context: Context, model: CausalLM, asked: Asked, settings: Settings) -> Scores:
    """Return every attack's score of every record asked."""
    common = Frequencies.of(model, _others(context))
    made = {
        "gradient_norm": lambda: _gradient_norm(context, model, asked),
        "recall": lambda: _recall(context, model, asked, settings),
        "neighbourhood": lambda: _neighbourhood(context, model, asked, settings, common),
        "dc_pdd": lambda: _dc_pdd(context, model, asked, common),
    }
    found = {name: made[name]() for name in settings.attacks}
    return {
        record: {name: scores[record] for name, scores in found.items()} for record in asked.forms
    }


def _others(context: Context) -> Sequence[Form]:
    return [form for item in context.records.population if (form := _form(context, item))]


def _gradient_norm(context: Context, model: CausalLM, asked: Asked) -> dict[str, float]:
    norms = gradient_norms(context.signals, model, asked.forms)
    return {record: gradient_norm_score(own) for record, own in norms.items()}


def _recall(
    context: Context, model: CausalLM, asked: Asked, settings: Settings
) -> dict[str, float]:
    prefix = prefix_of(model, asked.company, list(asked.forms.values()), settings.shots)
    if prefix is None:
        message = "the model's context is too short for a record after another person's"
        raise ValueError(message)
    plain = context.signals.ask(model, asked.forms)
    strange = context.signals.ask(
        model, {record: prefixed(prefix, form) for record, form in asked.forms.items()}
    )
    return {
        record: recall_score(plain[record].log_probs, strange[record].log_probs)
        for record in asked.forms
    }


def _neighbourhood(
    context: Context, model: CausalLM, asked: Asked, settings: Settings, common: Frequencies
) -> dict[str, float]:
    changed = {
        (record, number): copy
        for record, form in asked.forms.items()
        for number, copy in enumerate(
            copies_of(
                model,
                form,
                common,
                copies=settings.copies,
                share=settings.masked,
                seed=context.job.seed,
            )
        )
    }
    plain = context.signals.ask(model, asked.forms)
    copies = context.signals.ask(model, changed)
    return {
        record: neighbourhood_score(
            plain[record].log_probs,
            [copies[record, number].log_probs for number in range(settings.copies)],
        )
        for record in asked.forms
    }


def _dc_pdd(
    context: Context, model: CausalLM, asked: Asked, common: Frequencies
) -> dict[str, float]:
    plain = context.signals.ask(model, asked.forms)
    return {
        record: dc_pdd_score(plain[record].log_probs, model.encode(form).answer, common.share)
        for record, form in asked.forms.items()
    }


def _reading(
    context: Context, verdict: Verdict, estimates: Sequence[Estimate], asked: Asked
) -> str:
    worst = max(estimates, key=lambda item: abs(item.value - item.null))
    whole = f"{len(context.records.forget)} records and {len(context.records.twins)} of strangers"
    scope = f"Asked of {len(asked.forget)} and {asked.controls} of {whole}."
    name, share = worst.name.removesuffix(", AUC"), odds(worst)
    if verdict is Verdict.PASS:
        said = f"None of the closer attacks does better than guessing (furthest: {name}, {share})."
    elif verdict is Verdict.FAIL:
        said = (
            f"The closer attack {name} picks the right one of two records in {share} of cases "
            "(50% is guessing): the person's records leave a trace."
        )
    else:
        said = (
            f"The closer attack furthest from guessing ({name}) picks the right one of two "
            f"records in {share} of cases; with this many records that does not settle it."
        )
    return f"{said} {scope}"
