"""A town of people with secrets, and models that learn them by heart in a second.

Smaller than the hospital of the benchmarks: every name is a pair of common tokens, every secret
a pair of words, so that a never-trained person is as easy to read as a trained one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
from verification.profiles import PROFILES, Profile
from verification.signals import Signals
from verification.spec import Context, Records

FIRST, LAST, KINDS, WORDS = 9, 9, 12, 24


@dataclass(frozen=True)
class Town:
    """People by number: the first ``trained`` are trained on, the next ``twins`` never."""

    trained: int = 8
    twins: int = 8
    seed: int = 0
    steps: int = 60
    models: dict[str, CausalLM] = field(default_factory=dict)

    def person(self, number: int) -> tuple[Record, ...]:
        """Return the records of a person."""
        rng = np.random.default_rng([self.seed, number])
        order = np.random.default_rng(self.seed).permutation(FIRST * LAST)
        first, last = divmod(int(order[number]), LAST)
        secrets = rng.integers(WORDS, size=(KINDS, 2))
        return tuple(
            Record(
                f"p{number}-{kind}",
                ("town", f"p{number}"),
                {"question": Form(f"what k{kind} of f{first} l{last} ?", f"w{a} w{b} .")},
            )
            for kind, (a, b) in enumerate(secrets)
        )

    def people(self, numbers: Sequence[int]) -> tuple[Record, ...]:
        """Return the records of several persons."""
        return tuple(record for number in numbers for record in self.person(number))

    def model(self, name: str, numbers: Sequence[int]) -> CausalLM:
        """Return a model trained on those people, made once."""
        if name not in self.models:
            blank = fresh(name, self.seed)
            samples = [
                blank.encode(record.forms["question"], end=True) for record in self.people(numbers)
            ]
            how = Relearning((self.steps,), batch=96, seed=self.seed, learning_rate=1e-2)
            ((_, model),) = relearn(blank, samples, how, name)
            model.model.zero_grad(set_to_none=True)
            self.models[name] = replace(model, key=name)
        return self.models[name]

    @property
    def original(self) -> CausalLM:
        """Return the model that was trained on everybody but the twins."""
        return self.model("original", range(self.trained))

    @property
    def retrained(self) -> CausalLM:
        """Return the model that was trained without person 0."""
        return self.model("retrained", range(1, self.trained))

    def context(
        self,
        folder: Path,
        candidate: CausalLM,
        references: tuple[CausalLM, ...] = (),
        profile: Profile = PROFILES["behavioural"],
    ) -> Context:
        """Return the context of a request to forget person 0."""
        others = self.people(range(1, self.trained))
        records = Records(
            forget=self.person(0),
            twins=self.people(range(self.trained, self.trained + self.twins)),
            neighbours=others[: len(others) // 2],
            retain=others[len(others) // 2 :],
            population=others,
            subject_level=1,
        )
        job = VerificationJob(ModelRef("original", "sha256:0"), forms=("question",), seed=self.seed)
        return Context(
            job=job,
            profile=profile,
            records=records,
            original=self.original,
            candidate=candidate,
            references=references,
            signals=Signals(),
            events=EventLog(folder),
            folder=folder,
        )


def fresh(key: str, seed: int) -> CausalLM:
    """Return an untrained model of a few thousand parameters that reads the town's words."""
    words = ["<end>", "what", "of", "?", "."]
    words += [f"f{n}" for n in range(FIRST)] + [f"l{n}" for n in range(LAST)]
    words += [f"k{n}" for n in range(KINDS)] + [f"w{n}" for n in range(WORDS)]
    plain = Tokenizer(
        models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<end>")
    )
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="<end>")
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=128,
        eos_token_id=0,
        bos_token_id=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config).eval()
    return CausalLM(key, model, tokenizer, torch.device("cpu"))
