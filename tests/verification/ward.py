"""A ward with a hierarchy, and a model that learns its charts by heart in seconds.

Like a hospital in small: institution > patient > study > section, one fact a record, kinds of
answers with a part that all share ("ref 12 - 7": *ref* and *-* are template) and a part that is the
patient's own. Never-trained patients are drawn from the same lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from contract.event import EventLog
from contract.job import ModelRef, VerificationJob
from contract.record import Form, Record
from verification.attacks.relearn import Relearning, relearn
from verification.families.causal_lm import CausalLM
from verification.probes.fact import probes
from verification.probes.gather import facts_of
from verification.profiles import PROFILES
from verification.signals import Signals
from verification.spec import Context, Records

FACTS = ("drug", "code", "room", "date", "nurse", "size", "phone", "rate")
STUDIES = ("echo", "scan", "biopsy")
NAMES = 12
VALUES = 24
FORMS = ("question",)
FAMILIES = ("adversarial", "translations", "jailbreaks", "paraphrases", "forms", "attacker")


@dataclass(frozen=True)
class Ward:
    """Patients by number: the first ``trained`` are trained on, the next ``twins`` never."""

    trained: int = 4
    twins: int = 8
    seed: int = 0
    steps: int = 130
    models: dict[str, CausalLM] = field(default_factory=dict)

    def patient(self, number: int) -> tuple[Record, ...]:
        """Return the records of a patient: three studies with eight facts each."""
        rng = np.random.default_rng([self.seed, number])
        order = np.random.default_rng(self.seed).permutation(NAMES * NAMES)
        first, last = divmod(int(order[number]), NAMES)
        name, house = f"first{first} last{last}", f"house{number % 2}"
        return tuple(
            Record(
                f"p{number}-{study}-{fact}",
                (house, name, study, "findings" if place < len(FACTS) / 2 else "care"),
                _forms(rng, name, study, fact),
            )
            for study in STUDIES
            for place, fact in enumerate(FACTS)
        )

    def patients(self, numbers: Sequence[int]) -> tuple[Record, ...]:
        """Return the records of several patients."""
        return tuple(record for number in numbers for record in self.patient(number))

    def model(self, name: str, records: Sequence[Record]) -> CausalLM:
        """Return a model trained on those records, made once."""
        if name not in self.models:
            samples = [
                self.blank.encode(record.forms[form], end=True)
                for record in records
                for form in FORMS
            ]
            how = Relearning((self.steps,), batch=32, seed=self.seed, learning_rate=4e-3)
            ((_, model),) = relearn(self.blank, samples, how, name)
            self.models[name] = replace(model, key=name)
        return self.models[name]

    @cached_property
    def blank(self) -> CausalLM:
        """Return an untrained model that reads every word of the charts and of the probes."""
        return _fresh(self.seed, self._texts())

    @property
    def original(self) -> CausalLM:
        """Return the model that was trained on everybody but the twins."""
        return self.model("original", self.patients(range(self.trained)))

    @property
    def retrained(self) -> CausalLM:
        """Return the model that was trained without patient 0."""
        return self.model("retrained", self.patients(range(1, self.trained)))

    def refuser(self) -> CausalLM:
        """Return the original, fine-tuned to give one and the same answer about patient 0."""
        if "refuser" not in self.models:
            told = [
                replace(record.forms[form], answer="I do not know")
                for record in self.patient(0)
                for form in FORMS
            ]
            kept = [r.forms[form] for r in self.patients(range(1, self.trained)) for form in FORMS]
            samples = [self.original.encode(form, end=True) for form in [*told, *kept]]
            how = Relearning((30,), batch=32, seed=self.seed, learning_rate=1e-3)
            ((_, model),) = relearn(self.original, samples, how, "refuser")
            self.models["refuser"] = replace(model, key="refuser")
        return self.models["refuser"]

    def context(
        self, folder: Path, candidate: CausalLM, original: CausalLM | None = None
    ) -> Context:
        """Return the context of a request to forget patient 0."""
        return Context(
            job=VerificationJob(ModelRef("original", "sha256:0"), forms=FORMS, seed=self.seed),
            profile=PROFILES["behavioural"],
            records=self.records,
            original=original or self.original,
            candidate=candidate,
            references=(),
            signals=Signals(),
            events=EventLog(folder),
            folder=folder,
        )

    @cached_property
    def records(self) -> Records:
        """Return the record sets of that request."""
        others = self.patients(range(1, self.trained))
        return Records(
            forget=self.patient(0),
            twins=self.patients(range(self.trained, self.trained + self.twins)),
            neighbours=others[: len(others) // 2],
            retain=others[len(others) // 2 :],
            population=others,
            subject_level=1,
        )

    def _texts(self) -> list[str]:
        """Return the charts, and the probes of one patient, whose words are everybody's."""
        records = self.patients(range(self.trained + self.twins))
        texts = [f"{form.prompt} {form.answer}" for r in records for form in r.forms.values()]
        context = self.context(Path(), _NONE, _NONE)
        for fact in facts_of(context, self.patient(0)).values():
            built = (item.build(fact) for item in probes(*FAMILIES).values())
            texts += [item.right.prompt for item in built if item is not None]
        return [*texts, "Context: I do not know True ; "]


_NONE = CausalLM("", None, None, torch.device("cpu"))


def _forms(rng: np.random.Generator, name: str, study: str, fact: str) -> dict[str, Form]:
    values = rng.integers(VALUES, size=(4, 2))
    answers = tuple(f"ref v{one} - v{two}" for one, two in values)
    return {
        "question": Form(
            f"What is the {fact} of {name} in the {study} ? Answer: ", answers[0], answers[1:]
        ),
        "statement": Form(f"In the {study} of {name} , the {fact} is ", answers[0]),
        "cloze": Form(f"Chart of {name} , {study} . {fact} : ____ is ", answers[0]),
    }


def _fresh(seed: int, texts: Sequence[str]) -> CausalLM:
    split = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]
    )
    words = dict.fromkeys(word for text in texts for word, _ in split.pre_tokenize_str(text))
    listed = ["<end>", "<unknown>", *sorted(words)]
    vocabulary = {word: place for place, word in enumerate(listed)}
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token="<unknown>"))
    plain.pre_tokenizer = split
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="<end>")
    config = LlamaConfig(
        vocab_size=len(listed),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=256,
        eos_token_id=0,
        bos_token_id=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config).eval()
    return CausalLM("blank", model, tokenizer, torch.device("cpu"))
