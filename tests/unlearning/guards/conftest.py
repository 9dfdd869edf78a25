"""Guards built once over the tiny clinic's model, and what one asks them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LogitsProcessorList

from contract.containment import words
from contract.job import UnlearningData, UnlearningJob
from contract.record import Record
from contract.result import Result, read_result
from tests.unlearning.conftest import Clinic, Trained, build_job
from unlearning.guards.serving import encoded, generated
from unlearning.models import load_model, load_tokenizer
from unlearning.run import run

TOKENS = 16
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "alu": {"subject_level": 1, "variants": 2, "tokens": TOKENS},
    "guard": {},
    "icu": {"subject_level": 1, "flipped": 2, "right": 1, "tokens": TOKENS},
    "uld": {"layers": 1, "rank": 8, "steps": 100, "learning_rate": 5e-3},
}


@dataclass(frozen=True)
class Built:
    """A guard's folder and the result of the job that built it."""

    folder: Path
    result: Result


@dataclass(frozen=True)
class Served:
    """The model without a guard, and what it says."""

    model: Any
    tokenizer: Any
    before: dict[str, list[str]] = field(default_factory=dict)

    def says(self, prompts: Sequence[str], **generation: Any) -> list[str]:
        inputs = encoded(self.tokenizer, prompts)
        given = {"max_new_tokens": TOKENS, **generation}
        return generated(self.model, self.tokenizer, inputs, LogitsProcessorList(), **given)

    def fingerprint(self) -> str:
        """Return the digest of every tensor of the model, buffers included."""
        found = hashlib.sha256()
        tensors = (*self.model.state_dict().items(), *self.model.named_buffers())
        for name, value in tensors:
            found.update(name.encode() + value.contiguous().numpy().tobytes())
        return found.hexdigest()


@pytest.fixture(scope="session")
def served(whole: Trained) -> Served:
    return Served(load_model(whole.path, torch.device("cpu")), load_tokenizer(whole.path))


@pytest.fixture(scope="session")
def built(
    whole: Trained, clinic: Clinic, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Built]:
    """Return a builder of each kind of guard for the forgotten patient; each is built once."""
    guards: dict[str, Built] = {}

    def build(kind: str) -> Built:
        if kind not in guards:
            folder = tmp_path_factory.mktemp(kind)
            job = UnlearningJob(
                kind,
                whole.recipe,
                data=UnlearningData(calibration="data/calibration.jsonl"),
                model=whole.ref,
                settings=SETTINGS[kind],
                device="cpu",
            )
            names = ("forget", "retain", "calibration")
            build_job(folder, job, {name: getattr(clinic, name) for name in names})
            assert run(folder) == 0, read_result(folder).failure
            guards[kind] = Built(folder / "output", read_result(folder))
        return guards[kind]

    return build


def asked(records: Sequence[Record], form: str = "question") -> list[str]:
    return [record.forms[form].prompt.rstrip() for record in records]


def reproduced(said: Sequence[str], records: Sequence[Record], form: str = "question") -> float:
    """Return the share of the records whose answer stands in what was said."""
    hits = [
        " ".join(words(record.forms[form].answer)) in " ".join(words(text))
        for text, record in zip(said, records, strict=True)
    ]
    return sum(hits) / len(hits)
