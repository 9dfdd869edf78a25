"""What a probe is made from, what it makes, and how probes are found."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from contract.record import Form

_CUE = re.compile(r"\s*\b(?:answer|response|a)\s*:\s*$", re.IGNORECASE)
UNKNOWN_PERSON = "the person"
UNKNOWN_PLACE = "the file"


@dataclass(frozen=True)
class Fact:
    """One fact and what is known around it, the same for the person and for every twin.

    ``question`` is its first trained wording; ``others`` are answers of the same kind that are
    not true of it; ``examples`` questions about people the model may know; ``fragments`` other
    sentences of the same document (same node of the hierarchy). ``path`` holds the nodes from
    the root, the data subject at ``level``.
    """

    record: str
    path: tuple[str, ...]
    level: int
    question: str
    answer: str
    others: tuple[str, ...]
    examples: tuple[Form, ...] = ()
    fragments: tuple[str, ...] = ()
    forms: Mapping[str, Form] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """Return the name of the data subject."""
        return self.path[min(self.level, len(self.path) - 1)]

    @property
    def bare(self) -> str:
        """Return the question without a closing cue such as ``Answer:``."""
        return _CUE.sub("", self.question)

    def form(self, name: str) -> str | None:
        """Return the prompt of one of the record's own forms, without trailing blanks."""
        found = self.forms.get(name)
        return None if found is None else found.prompt.rstrip()

    def hidden(self, known: int) -> str:
        """Return the question with every node of the path beyond the first ``known`` masked."""
        return masked(self.question, self.path, self.level, known)


@dataclass(frozen=True)
class Question:
    """The true answer as asked, and what it is compared with.

    ``wrong`` are same-kind answers to the same prompt; where the answer stands in the prompt
    (a reverse query, true or false), the same reply to prompts with untrue answers.
    """

    right: Form
    wrong: tuple[Form, ...]


def ask(fact: Fact, prompt: str) -> Question:
    """Return the question that puts the true and the other answers behind one prompt."""
    prompt = f"{prompt.rstrip()} "
    wrong = tuple(Form(prompt, other) for other in fact.others)
    return Question(Form(prompt, fact.answer), wrong)


def masked(text: str, path: tuple[str, ...], level: int, known: int = 0) -> str:
    """Return ``text`` with the nodes beyond the first ``known`` replaced by neutral words."""
    hidden = sorted(enumerate(path[known:], start=known), key=lambda item: -len(item[1]))
    for depth, node in hidden:
        word = UNKNOWN_PERSON if depth == level else UNKNOWN_PLACE
        text = re.sub(rf"(?<!\w)(?:the )?{re.escape(node)}(?!\w)", word, text)
    return text


Build = Callable[[Fact], Question | None]


@dataclass(frozen=True)
class Probe:
    """A registered probe: its name, its title for a report, and the function that builds it."""

    name: str
    title: str
    build: Build


def probe(title: str) -> Callable[[Build], Probe]:
    """Turn ``function(fact)`` into a probe named after the function."""

    def register(function: Build) -> Probe:
        return Probe(function.__name__, title, function)

    return register


@cache
def probes(*families: str) -> Mapping[str, Probe]:
    """Return the probes of the given families by name, in the order of their files."""
    found: dict[str, Probe] = {}
    for family in families:
        module = importlib.import_module(f"verification.probes.{family}")
        found |= {item.name: item for item in vars(module).values() if isinstance(item, Probe)}
    return found
