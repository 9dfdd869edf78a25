"""Can a freshly trained probe read the person's facts off the inner states?

In each model, and at every layer, a linear probe learns to name the next token of an answer from
the state before it: on the facts of *other* people the model was trained on.
Then it reads the person's facts, and those of never-trained twins. Where the states no longer
hold the person's facts, the probe guesses as it does for twins. Nothing of the model's own output
is used, so an edited head hides nothing, and no common inner language with the original is
needed, so models retrained from scratch are read as well.

    score of a fact = -log(1 + number of tokens the probe finds likelier), mean over tokens
                      and wordings, less what is expected of unseen facts of its kind at that layer

The best of the layers counts in which the *original* shows the person, for twins alike
(:mod:`verification.layers`). The statistic is the candidate's gap between person and twins as a
share of the original's. A rank does not reward hedging: spreading probability over many answers
gains nothing.

Control: people held back from the probe's training. If it reads less than half as much of them
as the original's probe does, the candidate's states cannot be read and nothing is said.

Probe: ridge regression of token indicators on standardised states (Alain and Bengio 2016, arXiv
1610.01644); one fixed penalty, nothing is tuned. Limits: only tokens which other people's answers
have too can be named; the rest is left out, and facts without any such token are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass as plain_dataclass

import numpy as np
from pydantic.dataclasses import dataclass

from contract.record import FROZEN, Record
from contract.report import CheckResult, Estimate, Verdict
from verification.families.causal_lm import CausalLM
from verification.gap import Gap, gap_estimate, gap_verdict
from verification.layers import (
    Floats,
    Layered,
    averaged,
    best,
    chosen,
    depth,
    excess,
    layers_chart,
    means,
)
from verification.registry import check
from verification.signals.anatomy import UnknownAnatomyError
from verification.signals.asking import Probe
from verification.signals.hidden import Inside, inside
from verification.spec import Context, UnansweredError
from verification.statistics import NoGapError

TITLE = "Linear probe: can the answers be read off the inner states?"
NOTHING = "No probe could be trained that says something about this person."
READABLE = 0.5
FEWEST_PEOPLE = 4
FEWEST_FACTS = 3


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """``share``: layers count whose gap in the original is at least this share of its largest.

    ``facts``: retained facts the probe learns from and is tried on; ``held``: the share of
    people it is tried on. ``penalty`` of the ridge, per sample.
    """

    share: float = 0.25
    facts: int = 360
    held: float = 0.25
    penalty: float = 0.01


@plain_dataclass(frozen=True)
class People:
    """Retained facts: those the probe learns from, and those of people held back."""

    taught: tuple[Record, ...]
    held: tuple[Record, ...]


@plain_dataclass(frozen=True)
class Read:
    """What a model's probes read: excess by layer of person and twins, plain of those held back."""

    excess: Layered
    held: Floats
    twins: Floats

    def readable(self, layers: Sequence[int]) -> float:
        """Return how far people held back stand above twins, in the best of the layers."""
        return float((self.held - self.twins)[list(layers)].max())


@check(
    title=TITLE,
    question="Can a probe that learned from other people's facts read this person's?",
    source="Alain and Bengio 2016 (arXiv 1610.01644); probing of unlearned models, 2024-2025",
    access="hidden states",
)
def linear_probe(context: Context, settings: Settings) -> tuple[CheckResult, ...]:
    """Train the probes in each model and let them read the person's facts."""
    people = _people(context, settings)
    if people is None:
        raise UnansweredError(NOTHING, "there are too few retained people to learn from")
    try:
        before = _read(context, settings, context.original, people)
        layers = chosen(context, before.excess, settings.share)
        after = _read(context, settings, context.candidate, people)
        if depth(after.excess) != depth(before.excess):
            raise UnansweredError(NOTHING, "the two models have different numbers of layers")
        clear = after.readable(layers) / max(before.readable(layers), 1e-9)
        if before.readable(layers) <= 0.0 or clear < READABLE:
            reason = "the probe cannot read retained people's facts, so its silence means nothing"
            raise UnansweredError(NOTHING, reason)
        return (_judged(context, (before, after), layers, clear),)
    except UnknownAnatomyError as error:
        raise UnansweredError(NOTHING, str(error)) from error
    except (NoGapError, NothingNamedError) as error:
        reason = "already in the original the probe reads no more of this person than of others"
        raise UnansweredError(NOTHING, reason) from error


class NothingNamedError(Exception):
    """Hardly any token of the person's answers is known to the probe."""


def _people(context: Context, settings: Settings) -> People | None:
    """Divide the retained people; ``None`` when they are too few."""
    records = context.records
    own = {record.subject(records.subject_level) for record in records.forget}
    groups: dict[tuple[str, ...], dict[str, Record]] = {}
    for record in (*records.neighbours, *records.retain):
        groups.setdefault(record.subject(records.subject_level), {})[record.id] = record
    people = [tuple(group.values()) for key, group in groups.items() if key not in own]
    if len(people) < FEWEST_PEOPLE:
        return None
    rng = np.random.default_rng([context.job.seed, 6])
    order = [people[index] for index in rng.permutation(len(people))]
    held = max(1, round(settings.held * len(order)))
    parts = [[fact for person in part for fact in person] for part in (order[held:], order[:held])]
    limit = round(settings.facts * (1.0 - settings.held))
    return People(tuple(parts[0][:limit]), tuple(parts[1][: settings.facts - limit]))


def _read(context: Context, settings: Settings, model: CausalLM, people: People) -> Read:
    records = context.records
    asked = [*records.forget, *records.twins, *people.taught, *people.held]
    found = inside(context.signals, model, asked, context.trained_forms)
    taught = {record.id for record in people.taught}
    scores = averaged(_scores(found, taught, settings.penalty))
    if sum(record.id in scores for record in records.forget) < FEWEST_FACTS:
        raise NothingNamedError
    wanted = {record.id for record in (*records.forget, *records.twins)}
    return Read(
        excess(context, {record: row for record, row in scores.items() if record in wanted}),
        means(scores, people.held),
        means(scores, records.twins),
    )


def _scores(found: dict[Probe, Inside], taught: set[str], penalty: float) -> dict[Probe, Floats]:
    """Return [layers] of every probe not learned from that has a token with a name."""
    lessons = [item for (record, _), item in found.items() if record in taught]
    known = {token for item in lessons for token in item.tokens}
    names = {token: place for place, token in enumerate(sorted(known))}
    asked = {
        probe: [place for place, token in enumerate(item.tokens) if token in names]
        for probe, item in found.items()
        if probe[0] not in taught and names.keys() & item.tokens
    }
    learned = np.array([names[token] for item in lessons for token in item.tokens])
    goal = np.eye(len(names))[learned]
    true = np.array(
        [names[found[p].tokens[place]] for p, places in asked.items() for place in places]
    )
    columns = []
    for layer in range(len(lessons[0].states)):
        rows = np.concatenate([item.states[layer] for item in lessons]).astype(np.float64)
        others = np.concatenate([found[p].states[layer][places] for p, places in asked.items()])
        guess = _ridge(rows, goal, others.astype(np.float64), penalty)
        likelier = (guess > guess[range(len(true)), true][:, None]).sum(axis=1)
        columns.append(-np.log1p(likelier))
    ends = np.cumsum([len(places) for places in asked.values()])[:-1]
    parts = np.split(np.stack(columns, axis=1), ends)
    return {probe: part.mean(axis=0) for probe, part in zip(asked, parts, strict=True)}


def _ridge(rows: Floats, goal: Floats, others: Floats, penalty: float) -> Floats:
    """Fit ``goal`` on standardised ``rows`` and predict ``others``; in the smaller dimension."""
    centre, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    x, z = (rows - centre) / scale, (others - centre) / scale
    strength = penalty * len(x)
    y = goal - goal.mean(axis=0)
    if len(x) < x.shape[1]:
        weights = np.linalg.solve(x @ x.T + strength * np.eye(len(x)), y)
        return np.asarray(z @ x.T @ weights + goal.mean(axis=0))
    weights = np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T @ y)
    return np.asarray(z @ weights + goal.mean(axis=0))


def _judged(
    context: Context, found: tuple[Read, Read], layers: Sequence[int], clear: float
) -> CheckResult:
    before, after = (item.excess for item in found)
    # Another tokeniser may leave other facts without a name: those that both can name count.
    shared = before.keys() & after.keys()
    original, candidate = (
        best({key: row for key, row in part.items() if key in shared}, layers)
        for part in (before, after)
    )
    gap = Gap(original, candidate, {})
    label = "Share of the memorisation that a probe still reads off the best layer"
    estimate = gap_estimate(context, gap, gap.after, label)
    verdict, reasons = gap_verdict(estimate, over_forgetting=False)
    named = sum(record.id in shared for record in context.records.forget)
    return CheckResult(
        check="linear_probe",
        title=TITLE,
        verdict=verdict,
        reading=_reading(verdict, estimate),
        reasons=reasons,
        estimates=(
            estimate,
            Estimate("How well the probe reads retained people, against the original", clear),
            Estimate("Facts of which the probe can name a token", float(named)),
        ),
        records=named,
        controls=len(context.records.twins),
        charts=(
            layers_chart(
                context,
                "What a probe reads off each layer",
                "minus log rank of the true token, above a stranger's",
                before,
                after,
            ),
        ),
    )


def _reading(verdict: Verdict, estimate: Estimate) -> str:
    if verdict is Verdict.PASS:
        return (
            "A probe trained on other people's facts reads no more of this person off the inner "
            "states than of people the model never saw."
        )
    left = f"{max(estimate.value, 0.0):.0%}"
    if verdict is Verdict.FAIL:
        return (
            f"A probe trained on other people's facts still reads {left} of what the model had "
            "memorised about this person off the inner states."
        )
    return f"A probe reads about {left} off the inner states; that is not certain enough."
