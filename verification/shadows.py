"""Shadow models: small models trained here, each on a random half of the people.

What a record's likelihood would be if it had been trained on, and if it had not, can be watched
in models whose training set is known. Every person (the one to forget, and every never-trained
twin) is in exactly half of the models, by lot; each model also learns a random half of the other
trained people. The models start from random weights in the original's architecture or from a
given base and are trained with the loop of :mod:`verification.attacks.relearn`.

A shadow model is made of personal data, so none is ever written: what is kept is only how likely
it finds each record, in ``shadows/<digest>/<number>.json``, one file a model. A killed run goes
on where it stopped; another recipe, original or text is another digest or a missing record.

Limits: shadow models see half the people, and a fixed number of steps stands in for the
original's training; the less they are alike, the less the attacks that use them can do.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter
from transformers import AutoModelForCausalLM

from contract.canonical import digest_json, read_json, write_json
from contract.job import Shadows
from contract.manifest import folder_digest
from contract.record import Record, record_to_json
from contract.result import ErrorCode, JobError
from verification.attacks.relearn import Relearning, relearn
from verification.facts import scores_of
from verification.families import family
from verification.families.causal_lm import CausalLM
from verification.spec import VERSION, Context

FOLDER = "shadows"
_PLAN = TypeAdapter(Shadows)
_SEED_PEOPLE, _SEED_OTHERS, _SEED_TRAINING = 4, 5, 6
"""Streams of random numbers, apart from each other and from those of the checks."""


@dataclass(frozen=True)
class Shadow:
    """What one model found: mean log-probability per token by record id, and whom it had seen."""

    scores: Mapping[str, float]
    inside: frozenset[str]


def shadows_of(context: Context, plan: Shadows) -> tuple[Shadow, ...]:
    """Return what every shadow model says of the forget and twin records; trains what is missing.

    Raises:
        JobError: if the recipe cannot be followed (an odd or too small count, no such base).
    """
    if plan.count < 2 or plan.count % 2:  # noqa: PLR2004 - one in, one out
        message = "the number of shadow models must be even and at least two"
        raise JobError(ErrorCode.BAD_JOB, message)
    people = people_asked(context)
    seen = halves(plan.count, len(people), context.job.seed)
    folder = context.folder / FOLDER / _digest(context, plan)
    found = []
    for number in range(plan.count):
        context.events.emit("shadows", "training shadow models", done=number, total=plan.count)
        path = folder / f"{number}.json"
        shadow = _read(path, people)
        if shadow is None:
            inside = [person for person, chosen in zip(people, seen[number], strict=True) if chosen]
            shadow = _trained(context, plan, number, people, inside)
            _write(path, people, shadow)
        found.append(shadow)
    return tuple(found)


def people_asked(context: Context) -> tuple[tuple[Record, ...], ...]:
    """Return the records to forget and the twins', grouped by data subject."""
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in (*context.records.forget, *context.records.twins):
        groups.setdefault(record.subject(context.records.subject_level), []).append(record)
    return tuple(tuple(group) for group in groups.values())


def halves(count: int, people: int, seed: int) -> NDArray[np.bool_]:
    """Return who is in which model [count, people]: each person in exactly half, by lot."""
    rng = np.random.default_rng([seed, _SEED_PEOPLE])
    column = np.arange(count) < count // 2
    return np.stack([rng.permutation(column) for _ in range(people)], axis=1)


def _trained(
    context: Context,
    plan: Shadows,
    number: int,
    people: Sequence[Sequence[Record]],
    inside: Sequence[Sequence[Record]],
) -> Shadow:
    known = [record for person in inside for record in person]
    start = _start(context, plan, number)
    samples = [
        start.encode(record.forms[name], end=True)
        for record in (*known, *_others(context, plan, number))
        for name in context.trained_forms
        if name in record.forms
    ]
    how = Relearning(
        (plan.steps,), plan.batch, _seed(context, _SEED_TRAINING, number), plan.learning_rate
    )
    ((_, model),) = relearn(start, samples, how, start.key, context.signals)
    asked = [record for person in people for record in person]
    scores = {record: row["loss"] for record, row in scores_of(context, model, asked).items()}
    context.signals.drop(model)
    return Shadow(scores, frozenset(record.id for record in known))


def _others(context: Context, plan: Shadows, number: int) -> list[Record]:
    """Return a random half of the other trained people's records, as many as the plan allows."""
    level = context.records.subject_level
    tested = {person[0].subject(level) for person in people_asked(context)}
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in context.records.population:
        if record.subject(level) not in tested:
            groups.setdefault(record.subject(level), []).append(record)
    rng = np.random.default_rng([context.job.seed, _SEED_OTHERS, number])
    people = list(groups.values())
    half = rng.permutation(len(people))[: len(people) // 2]
    return [record for place in half for record in people[place]][: plan.records]


def _start(context: Context, plan: Shadows, number: int) -> CausalLM:
    """Return the model to start from: the base, or the original's architecture, untrained."""
    key = f"shadow-{number}+{_digest(context, plan)}"
    original = context.original
    if plan.base is not None:
        path = context.folder / plan.base.path
        if not path.is_dir() or folder_digest(path) != plan.base.digest:
            message = "the base of the shadow models is missing or is not the one that was named"
            raise JobError(ErrorCode.MODEL_MISSING, message)
        loaded: CausalLM = family(plan.base.family).load(path, key=key, device=original.device)
        return loaded
    config = copy.deepcopy(original.model.config)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.random.fork_rng():
        torch.manual_seed(_seed(context, _SEED_TRAINING, number))
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    return replace(original, key=key, model=model.to(original.device).eval())


def _seed(context: Context, stream: int, number: int) -> int:
    return int(np.random.default_rng([context.job.seed, stream, number]).integers(2**31))


def _digest(context: Context, plan: Shadows) -> str:
    """Return the digest of everything but the tested records, which are kept by their own."""
    basis = {
        "plan": _PLAN.dump_python(plan, mode="json"),
        "version": VERSION,
        "original": context.original.key,
        "forms": list(context.trained_forms),
        "seed": context.job.seed,
        "others": _names(context.records.population),
    }
    return digest_json(basis).rpartition(":")[2][:24]


def _names(records: Iterable[Record]) -> list[str]:
    return [digest_json(record_to_json(record)).rpartition(":")[2][:24] for record in records]


def _read(path: Path, people: Sequence[Sequence[Record]]) -> Shadow | None:
    """Return what a model said earlier, if it was asked every record just as it is now."""
    asked = [record for person in people for record in person]
    with suppress(OSError, ValueError, KeyError, TypeError):
        content = read_json(path)
        scores, inside = content["scores"], frozenset(content["inside"])
        rows = list(zip(asked, _names(asked), strict=True))
        return Shadow(
            {record.id: float(scores[name]) for record, name in rows if scores[name] is not None},
            frozenset(record.id for record, name in rows if name in inside),
        )
    return None


def _write(path: Path, people: Sequence[Sequence[Record]], shadow: Shadow) -> None:
    """Keep what a model said, by the digests of the records and not by their ids."""
    asked = [record for person in people for record in person]
    rows = list(zip(asked, _names(asked), strict=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "scores": {name: shadow.scores.get(record.id) for record, name in rows},
        "inside": [name for record, name in rows if record.id in shadow.inside],
    }
    write_json(path, content)
