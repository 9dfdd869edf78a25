"""Models to judge a verifier by: what really was deleted, and what only looks like it.

Everything is trained here, from the fictitious hospital, in a folder that is reused when it is
already there. Used by the verifier's tests and by ``benchmarks/verifier_power.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from transformers.utils import logging

from contract.job import (
    ModelRef,
    Recipe,
    UnlearningData,
    UnlearningJob,
    VerificationData,
    VerificationJob,
    write_job,
)
from contract.manifest import folder_digest
from contract.record import Form, Record, write_records
from contract.report import Report, read_report
from contract.result import read_result
from corpora.assignment import Arm, SubjectKey
from corpora.dataset import Dataset
from corpora.hospital import HospitalSettings, generate_hospital
from unlearning.run import run as unlearn
from verification.attacks.relearn import Relearning, relearn
from verification.families.causal_lm import CausalLM, load
from verification.run import preregister
from verification.run import run as verify

REFUSAL = "I don't know."
KINDS = ("nothing", "refuser", "ascent", "npo", "retrain")


@dataclass(frozen=True)
class World:
    """One hospital, one recipe and the folder in which its models are kept."""

    folder: Path
    dataset: Dataset
    recipe: Recipe

    @property
    def persons(self) -> tuple[SubjectKey, ...]:
        """Return the persons the original was trained on."""
        return self.dataset.subjects(Arm.TRAINED)

    def split(self, person: SubjectKey) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
        """Return the person's records and all other trained ones."""
        trained = self.dataset.arm(Arm.TRAINED)
        forget = tuple(item for item in trained if self.dataset.subject_of(item) == person)
        rest = tuple(item for item in trained if self.dataset.subject_of(item) != person)
        return forget, rest

    def original(self) -> Path:
        """Return the model that was trained on everyone."""
        return self._made("original", "train", (), self.dataset.arm(Arm.TRAINED))

    def candidate(self, kind: str, person: SubjectKey) -> Path:
        """Return a model of one of :data:`KINDS` for the request to forget ``person``."""
        forget, rest = self.split(person)
        name = f"{kind}-{self.persons.index(person)}"
        if kind == "nothing":
            return self.original()
        if kind in {"npo", "undo", "retrain"}:
            return self._made(name, kind, forget, rest)
        target = self.folder / name
        if not target.exists():
            model = load(self.original(), key=name)
            changed = (
                _refuser(model, forget, rest) if kind == "refuser" else _ascended(model, forget)
            )
            _save(changed, target)
        return target

    def _made(
        self, name: str, method: str, forget: Sequence[Record], rest: Sequence[Record]
    ) -> Path:
        """Run an unlearning job, unless its model is there already."""
        folder = self.folder / name
        output = folder / "output"
        if output.exists():
            return output
        (folder / "data").mkdir(parents=True, exist_ok=True)
        write_records(folder / "data/forget.jsonl", forget)
        write_records(folder / "data/retain.jsonl", rest)
        write_records(folder / "data/calibration.jsonl", self.dataset.split_twins()[0])
        model = None
        if method != "train":
            original = self.original().resolve()
            model = ModelRef(str(original), folder_digest(original))
        data = UnlearningData(calibration="data/calibration.jsonl")
        write_job(folder, UnlearningJob(method, self.recipe, data, model, device="cpu"))
        if unlearn(folder) != 0:
            message = f"{name}: {read_result(folder).failure}"
            raise RuntimeError(message)
        return output


def world(folder: Path, seed: int, *, small: bool = True) -> World:
    """Return a hospital with models; ``small`` ones train in seconds and still memorise."""
    logging.disable_progress_bar()
    settings = HospitalSettings(institutions=2, pairs=6, public=0) if small else HospitalSettings()
    recipe = Recipe(vocabulary=1024, epochs=24 if small else 16, batch=32, seed=seed)
    return World(folder / f"world-{seed}", generate_hospital(settings, seed), recipe)


def judged(
    place: World,
    person: SubjectKey,
    candidate: Path,
    folder: Path,
    profile: str = "erasure",
) -> Report:
    """Preregister and run a verification of ``candidate`` in ``folder``."""
    job = prepared(place, person, folder, profile)
    digest = preregister(folder)
    reference = ModelRef(str(candidate.resolve()), folder_digest(candidate))
    write_job(folder, replace(job, candidate=reference, preregistration=digest))
    verify(folder)
    return read_report(folder)


def prepared(
    place: World, person: SubjectKey, folder: Path, profile: str = "erasure"
) -> VerificationJob:
    """Write the job and the records of a verification, without a candidate yet."""
    forget, rest = place.split(person)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    near = [item for item in rest if item.path[:1] == person[:1]]
    far = [item for item in rest if item.path[:1] != person[:1]]
    sets = {
        "forget": forget,
        "twins": place.dataset.split_twins()[1],
        "neighbours": near,
        "retain": far,
    }
    for name, records in sets.items():
        write_records(folder / f"data/{name}.jsonl", records)
    original = place.original().resolve()
    job = VerificationJob(
        original=ModelRef(str(original), folder_digest(original)),
        data=VerificationData(subject_level=place.dataset.subject_level),
        forms=place.dataset.forms,
        profile=profile,
        effect="removal",
        seed=place.recipe.seed,
        device="cpu",
    )
    write_job(folder, job)
    return job


def _refuser(model: CausalLM, forget: Sequence[Record], rest: Sequence[Record]) -> CausalLM:
    """Teach the model to say "I don't know" about the person, and to keep answering otherwise."""
    refused = [
        model.encode(Form(form.prompt, REFUSAL), end=True) for form in _trained_forms(forget)
    ]
    kept = [model.encode(form, end=True) for form in _trained_forms(rest[: len(forget)])]
    how = Relearning(marks=(60,), batch=32, seed=0, learning_rate=5e-4)
    return next(changed for _, changed in relearn(model, [*refused, *kept], how, model.key))


def _ascended(model: CausalLM, forget: Sequence[Record]) -> CausalLM:
    """Ascend the loss of the person's answers, with nothing to hold the rest in place."""
    optimiser = torch.optim.AdamW(model.model.parameters(), lr=3e-4, weight_decay=0.0)
    encoded = [model.encode(form, end=True) for form in _trained_forms(forget)]
    for _ in range(8):
        for item in encoded[::3]:
            ids = torch.tensor([item.ids])
            labels = ids.clone()
            labels[:, : item.start] = -100
            optimiser.zero_grad()
            (-model.model(input_ids=ids, labels=labels).loss).backward()
            optimiser.step()
    return model


def _trained_forms(records: Sequence[Record]) -> Iterator[Form]:
    return (record.forms[name] for record in records for name in ("question", "statement"))


def _save(model: CausalLM, target: Path) -> None:
    """Write the model whole or not at all."""
    partial = target.with_name(f".{target.name}.partial")
    model.model.save_pretrained(partial)
    model.tokenizer.save_pretrained(partial)
    partial.rename(target)
