"""In-context unlearning: tell the model, before the question, that it does not know the person.

Idea: an instruction alone ("you never heard of ..."), or with it a context of questions about the
person with *flipped* answers among others with right ones, so that the model treats its own
knowledge as wrong (:mod:`unlearning.guards.incontext`). Nothing is trained; any model will do.

Papers: Pawelczyk et al., "In-Context Unlearning", arXiv 2310.07579 (flipped labels); Jin et al.,
"RWKU", arXiv 2406.10890 (the instruction, as a baseline). Different here: the context is added
only where the name stands in the conversation, so the name need not be kept in plain text.

Limits: this is containment, and the weakest of all. It works as far as the model obeys, a prompt
can ask it not to, and a question without the name is not touched. Kept at serving: keyed digests
of the names and, with demonstrations, questions about the person with wrong answers, and
``right`` true answers of others, **all in plain text and in the prompt**.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from contract.canonical import write_json
from contract.catalog import Effect
from contract.containment import ngram_digests, words
from contract.guard import GuardManifest, write_guard
from contract.record import FROZEN, Form, Record
from unlearning.guards.incontext import CONTEXT
from unlearning.guards.names import names_of
from unlearning.registry import method
from unlearning.spec import Context, Outcome

KEEPS = ("Keyed digests of the persons' names; the key is beside them, so a name can be tested.",)
KEEPS_SHOWN = "Questions about the persons with wrong answers, in plain text."
KEEPS_RIGHT = "Questions about other persons with their true answers, in plain text."


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """What is said before the question.

    ``subject_level``: depth (0-based) of a data subject in a record's path. ``form``: the form of
    the demonstrations; ``flipped`` of them have wrong answers, ``right`` true ones, of records of
    others (they are shown to whoever asks, so there are none by default).
    """

    subject_level: int = Field(default=0, ge=0)
    form: str = "question"
    flipped: int = Field(default=0, ge=0)
    right: int = Field(default=0, ge=0)
    tokens: int = Field(default=256, ge=1)


@method(
    title="In-context unlearning (ICU)",
    effect=Effect.SERVE_SUPPRESSION,
    summary="Containment at serving: tells the model before the question that it does not know the "
    "person; the weakest, for any model. It keeps digests of the names while it serves.",
    source="arXiv 2310.07579, arXiv 2406.10890",
    needs=("forget",),
)
def icu(context: Context, settings: Settings) -> Outcome:
    """Write the guard's folder; nothing is trained."""
    forget = context.records("forget")
    grams = [words(name) for name in names_of(forget, settings.subject_level)]
    key = secrets.token_bytes(32)
    flipped = _chosen(forget, settings.form, settings.flipped, context.job.seed, wrong=True)
    right: list[tuple[str, str]] = []
    if settings.right:
        others = context.records("retain")
        right = _chosen(others, settings.form, settings.right, context.job.seed, wrong=False)
    content = {
        "key": key.hex(),
        "names": list(ngram_digests(key, grams)),
        "lengths": sorted({len(gram) for gram in grams}, reverse=True),
        "shown": [list(pair) for pair in (*flipped, *right)],
    }
    write_json(context.output / CONTEXT, content)
    keeps = KEEPS + (KEEPS_SHOWN,) * bool(flipped) + (KEEPS_RIGHT,) * bool(right)
    kept = {"tokens": settings.tokens}
    write_guard(context.output, GuardManifest("icu", context.model.digest, keeps, kept))
    metrics = {"persons": float(len(grams)), "demonstrations": float(len(flipped) + len(right))}
    return Outcome("guard", metrics, ("This is containment: the weights are unchanged.",))


def _chosen(
    records: Sequence[Record], form: str, count: int, seed: int, *, wrong: bool
) -> list[tuple[str, str]]:
    """Draw questions with a wrong or the true answer; records without one lend none."""
    found: list[Form] = [record.forms[form] for record in records if form in record.forms]
    if wrong:
        found = [item for item in found if item.wrong]
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(seed))
    drawn = [found[place] for place in order[:count].tolist()]
    return [(item.prompt.strip(), (item.wrong[0] if wrong else item.answer).strip())
            for item in drawn]  # fmt: skip
