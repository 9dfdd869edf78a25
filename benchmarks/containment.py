"""What guards contain: answers a model still gives about a person, and what others lose.

    python -m benchmarks.containment [--persons 4] [--seed 0]

A small model learns the charts of a hospital. For each of a few persons each guard is built and
asked. *Still said* is the share of the answers that the model gives without a guard and still
gives with it: in wordings that the guard was built on, and in the one that it never saw. *Others*
is the share of other people's answers that stay word for word. ALU has no row: this model is too
small to be an agent.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import LogitsProcessorList

from contract.containment import words
from contract.job import Recipe, UnlearningJob, write_job
from contract.record import CALIBRATION_FORM, Record, write_records
from corpora.assignment import Arm
from corpora.hospital import HospitalSettings, generate_hospital
from unlearning.guards.building import guard_build
from unlearning.guards.loading import load_guard
from unlearning.guards.serving import encoded, generated
from unlearning.models import load_model, load_tokenizer
from unlearning.run import run

RECIPE = Recipe(
    architecture={
        "hidden_size": 64,
        "intermediate_size": 192,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
    },
    vocabulary=800,
    epochs=40,
    learning_rate=5e-3,
    warmup=20,
)
SETTINGS = {
    "guard": "{}",
    "icu": '{"subject_level": 1, "tokens": 16}',
    "uld": '{"layers": 2, "learning_rate": 0.005}',
}
OTHERS, TOKENS, SUBJECT_LEVEL = 60, 16, 1


@dataclass
class Row:
    """One guard over all persons: counts of answers, and the seconds it took to build."""

    met: list[int] = field(default_factory=lambda: [0, 0])
    unmet: list[int] = field(default_factory=lambda: [0, 0])
    others: list[int] = field(default_factory=lambda: [0, 0])
    seconds: float = 0.0


def right(said: Sequence[str], records: Sequence[Record], form: str) -> list[bool]:
    """Say of each record whether its answer stands in what was said."""
    return [
        " ".join(words(record.forms[form].answer)) in " ".join(words(text))
        for text, record in zip(said, records, strict=True)
    ]


def asked(records: Sequence[Record], form: str) -> list[str]:
    """Return the prompts of a form."""
    return [record.forms[form].prompt for record in records]


class Hospital:
    """A trained model over a hospital's charts, in a folder."""

    def __init__(self, folder: Path, seed: int) -> None:
        settings = HospitalSettings(institutions=1, pairs=8, studies=2, sections=3, facts=2)
        self.dataset = generate_hospital(settings, seed=seed)
        self.trained = self.dataset.arm(Arm.TRAINED)
        (folder / "data").mkdir(parents=True)
        write_records(folder / "data" / "retain.jsonl", self.trained)
        write_job(folder, UnlearningJob("train", RECIPE, device="cpu"))
        if run(folder):
            raise RuntimeError("the model was not trained")
        self.path = folder / "output"
        self.model = load_model(self.path, torch.device("cpu"))
        self.tokenizer = load_tokenizer(self.path)

    def says(self, prompts: Sequence[str]) -> list[str]:
        """Return the answers without a guard."""
        inputs = encoded(self.tokenizer, prompts)
        nothing = LogitsProcessorList()
        return generated(
            self.model, self.tokenizer, inputs, nothing, max_new_tokens=TOKENS, num_beams=1
        )

    def measure(self, kind: str, person: Any, row: Row, folder: Path) -> None:
        """Build a guard for one person, ask through it, and add to its row."""
        own = self.dataset.subject_records(person)
        ids = {record.id for record in own}
        rest = [record for record in self.trained if record.id not in ids]
        folder.mkdir()
        files = folder / "forget.jsonl", folder / "retain.jsonl"
        for path, records in zip(files, (own, rest), strict=True):
            write_records(path, records)
        began = time.process_time()
        guard_build(kind, (self.path, *files), folder / "guard", SETTINGS[kind])
        row.seconds += time.process_time() - began
        guard = load_guard(folder / "guard", self.model, self.tokenizer)
        for form in own[0].forms:
            prompts = asked(own, form)
            before = right(self.says(prompts), own, form)
            after = right(guard.answers(prompts, max_new_tokens=TOKENS), own, form)
            counts = row.unmet if form == CALIBRATION_FORM else row.met
            counts[0] += sum(one and other for one, other in zip(before, after, strict=True))
            counts[1] += sum(before)
        prompts = asked(rest[:OTHERS], "question")
        said = guard.answers(prompts, max_new_tokens=TOKENS, num_beams=1)
        pairs = zip(self.says(prompts), said, strict=True)
        row.others[0] += sum(one.strip() == other.strip() for one, other in pairs)
        row.others[1] += len(prompts)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        hospital = Hospital(Path(place) / "model", options.seed)
        persons = hospital.dataset.subjects(Arm.TRAINED)[: options.persons]
        print("| guard | still said, wordings met | never met | others unchanged | built in |")
        print("|---|---|---|---|---|")
        for kind in SETTINGS:
            row = Row()
            for number, person in enumerate(persons):
                hospital.measure(kind, person, row, Path(place) / f"{kind}-{number}")
            met, unmet, others = (f"{a} of {b}" for a, b in (row.met, row.unmet, row.others))
            seconds = row.seconds / len(persons)
            print(f"| `{kind}` | {met} | {unmet} | {others} | {seconds:.1f} s |", flush=True)


if __name__ == "__main__":
    main()
