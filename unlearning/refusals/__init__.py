"""Neutral answers of somebody who does not know, in English and German.

They name no reason: an answer that speaks of deletion, privacy or a request would say of a person
that there was one. ``english.txt`` and ``german.txt`` hold one answer a line.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from importlib.resources import files
from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from contract.record import FROZEN
from unlearning.data import Sample
from unlearning.objective import Texts

Language = Literal["english", "german"]


@dataclass(frozen=True, config=FROZEN)
class RefusalSettings:
    """Which answers take the place of those to be forgotten.

    ``language``: of the answers that come with the library. ``answers``: your own instead.
    ``count``: how many a record is given; they take turns.
    """

    language: Language = "english"
    answers: tuple[str, ...] = ()
    count: int = Field(default=4, ge=1)


def shipped(language: Language) -> tuple[str, ...]:
    """Return the answers of a language that come with the library."""
    text = files(__package__).joinpath(f"{language}.txt").read_text(encoding="utf-8")
    return tuple(text.split("\n")[:-1])


def refused(texts: Texts, settings: RefusalSettings) -> Sequence[Sequence[Sample]]:
    """Return for each forget sample its prompt with some of the answers, drawn by its identity."""
    answers = settings.answers or shipped(settings.language)
    found = []
    for sample in texts.forget:
        draw = random.Random(f"{texts.context.job.seed}:{sample.digest}")  # noqa: S311 - no secret
        some = draw.sample(answers, min(settings.count, len(answers)))
        found.append([texts.answered(sample, answer) for answer in some])
    return found
