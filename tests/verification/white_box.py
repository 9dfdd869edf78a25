"""A register of a few people in a model of two small blocks, and models that claim to forget one.

Trained in seconds. All models share one beginning (trained on the others alone), as fine-tuned
models do in practice.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from contract.event import EventLog
from contract.job import ModelRef, VerificationJob
from contract.record import Form, Record
from verification.attacks.relearn import Relearning, relearn
from verification.families.causal_lm import CausalLM
from verification.profiles import find_profile
from verification.signals import Signals
from verification.spec import Context, Records

ATTRIBUTES, VALUES, PEOPLE, TWINS, FACTS = 24, 24, 6, 6, 20
FORMS = ("question", "statement")


def tokeniser(words: Sequence[str]) -> Any:
    """Return a tokeniser of whole words."""
    ids = {word: place for place, word in enumerate(["<end>", "<other>", *words])}
    plain = Tokenizer(WordLevel(ids, "<other>"))
    plain.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="<end>")


@dataclass(frozen=True)
class Register:
    """The people's records, and the tokeniser that knows their words."""

    people: tuple[tuple[Record, ...], ...]
    twins: tuple[tuple[Record, ...], ...]
    words: Any

    def trained(self, *, with_person: bool) -> list[Record]:
        people = self.people if with_person else self.people[1:]
        return [record for person in people for record in person]


def register() -> Register:
    """Return people, some trained on and some not, whose facts are two random words each."""
    draw = random.Random(0)  # noqa: S311 - made-up people
    names = [f"name{place}" for place in range(PEOPLE + TWINS)]
    values = [f"value{place}" for place in range(VALUES)]
    kinds = [f"kind{place}" for place in range(ATTRIBUTES)]

    def fact(name: str, kind: str) -> Record:
        options = [" ".join(draw.sample(values, 2)) for _ in range(4)]
        forms = {
            "question": Form(f"what kind of {kind} has {name} :", options[0], tuple(options[1:])),
            "statement": Form(f"the {kind} of {name} is", options[0]),
        }
        return Record(f"{name}-{kind}", (name,), forms)

    people = [tuple(fact(name, kind) for kind in draw.sample(kinds, FACTS)) for name in names]
    words = tokeniser(
        [*names, *values, *kinds, *["what", "kind", "of", "has", ":", "the", "is", "unknown"]]
    )
    return Register(tuple(people[:PEOPLE]), tuple(people[PEOPLE:]), words)


def untrained(place: Register, layers: int = 2) -> CausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(place.words),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=32,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config).eval()
    return CausalLM("untrained", model, place.words, torch.device("cpu"))


def taught(
    model: CausalLM, records: Sequence[Record], steps: int, key: str, rate: float = 3e-3
) -> CausalLM:
    """Return a copy that was trained further on the records."""
    samples = [model.encode(record.forms[name]) for record in records for name in FORMS]
    how = Relearning(marks=(steps,), batch=60, seed=0, learning_rate=rate)
    return replace(next(found for _, found in relearn(model, samples, how, key)), key=key)


def head_edited(model: CausalLM, place: Register) -> CausalLM:
    """Return a copy whose output head alone was trained away from the person's answers."""
    copy = model.copied("head")
    copy.model.requires_grad_(requires_grad=False)
    head = copy.model.get_output_embeddings()
    head.requires_grad_(requires_grad=True)
    denied = [
        Record(
            record.id, record.path, {n: Form(f.prompt, "unknown") for n, f in record.forms.items()}
        )
        for record in place.people[0]
    ]
    edited = taught(copy, [*denied, *place.trained(with_person=False)], 80, "head-edited", 2e-2)
    edited.model.requires_grad_(requires_grad=True)
    return edited


def context(
    place: Register, original: CausalLM, candidate: CausalLM, folder: Path, **changes: Any
) -> Context:
    """Return what a check sees of a request to forget the first person."""
    rest = tuple(record for person in place.people[1:] for record in person)
    records = Records(
        forget=place.people[0],
        twins=tuple(record for person in place.twins for record in person),
        neighbours=rest[:40],
        retain=rest[40:],
        population=rest,
        subject_level=0,
    )
    made = Context(
        job=VerificationJob(original=ModelRef("original", "digest"), forms=FORMS),
        profile=find_profile("erasure"),
        records=records,
        original=original,
        candidate=candidate,
        references=(),
        signals=Signals(),
        events=EventLog(folder),
        folder=folder,
    )
    return replace(made, **changes)
