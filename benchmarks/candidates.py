"""Models to judge a verifier by: worlds to train them in, and how each is verified.

A world is a fictitious hospital with a recipe. Everything is trained here, in a folder that is
used again when it is already there. Which candidates are made is in :mod:`benchmarks.kinds`. Used
by the verifier's tests and by the benchmarks.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transformers.utils import logging

from benchmarks.kinds import KINDS, Making
from contract.canonical import read_json
from contract.job import (
    Layout,
    ModelRef,
    Recipe,
    UnlearningData,
    UnlearningJob,
    VerificationData,
    VerificationJob,
    read_job,
    write_job,
)
from contract.manifest import folder_digest
from contract.record import Record, write_records
from contract.report import PREREGISTRATION, PREREGISTRATION_FILE, Report, read_report
from contract.result import read_result
from corpora.assignment import Arm, SubjectKey, draw_arms
from corpora.dataset import Dataset
from corpora.hospital import HospitalSettings, generate_hospital
from unlearning.run import run as unlearn
from verification.families.causal_lm import load
from verification.run import preregister
from verification.run import run as verify
from verification.signals import Signals

TRAINED, TWINS = 12, 24
"""People of a small world: training costs by the first, comparisons get sharper by the second."""
SMALL = Recipe(
    vocabulary=1024,
    epochs=30,
    batch=32,
    learning_rate=5e-3,
    warmup=30,
    architecture={"hidden_size": 64, "intermediate_size": 192, "num_hidden_layers": 2},
)
DATA = UnlearningData(calibration="data/calibration.jsonl", public="data/public.jsonl")
PUBLIC = 12
"""People whose records carry no rights: the base of a sharded small world is trained on them."""
ADAPTER = {"epochs": 40, "learning_rate": 1e-2, "batch": 16, "warmup": 10}
"""How the adapters of a sharded small world are trained."""


@dataclass(frozen=True)
class World:
    """One hospital, one recipe and the folder in which its models are kept.

    ``together``: how many persons one model forgets at once, as a batch of tickets; each of them
    is verified alone.
    """

    folder: Path
    dataset: Dataset
    recipe: Recipe
    together: int = 1

    @property
    def persons(self) -> tuple[SubjectKey, ...]:
        """Return the persons the original was trained on."""
        return self.dataset.subjects(Arm.TRAINED)

    def reference(self, folder: Path) -> ModelRef:
        """Return a model of this world as a job names it."""
        place = folder.resolve()
        layout: Layout = "sharded" if self.recipe.shards else "whole"
        return ModelRef(str(place), folder_digest(place), layout=layout)

    def batch(self, person: SubjectKey) -> tuple[SubjectKey, ...]:
        """Return the persons whom the model that forgets ``person`` forgets with them."""
        first = self.persons.index(person) // self.together * self.together
        return self.persons[first : first + self.together]

    def records(self, persons: Sequence[SubjectKey]) -> tuple[Record, ...]:
        """Return the trained records of some persons."""
        trained = self.dataset.arm(Arm.TRAINED)
        return tuple(item for item in trained if self.dataset.subject_of(item) in persons)

    def split(self, person: SubjectKey) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
        """Return the person's records and those of everyone whom nothing makes forgotten."""
        gone = self.batch(person)
        kept = [other for other in self.persons if other not in gone]
        return self.records((person,)), self.records(kept)

    def original(self) -> Path:
        """Return the model that was trained on everyone."""
        return self._job("original", "train", (), self.dataset.arm(Arm.TRAINED))

    def candidate(self, kind: str, person: SubjectKey) -> Path:
        """Return a model of one of :data:`benchmarks.kinds.KINDS` for the request of ``person``."""
        making = KINDS[kind]
        batch = self.batch(person)
        forget, (_, rest) = self.records(batch), self.split(person)
        name = f"{kind}-{self.persons.index(batch[0])}"
        if making.job is not None:
            return self._job(name, making.job, forget, (*rest, *making.kept(forget)))
        return self._changed(name, making, forget, rest)

    def _changed(
        self, name: str, making: Making, forget: Sequence[Record], rest: Sequence[Record]
    ) -> Path:
        """Change a copy of the original and save it whole or not at all."""
        target = self.folder / name
        if making.change is None:
            return self.original()
        if not target.exists():
            model = load(self.original(), key=name)
            making.change(model, forget, rest, self.dataset.split_twins()[0])
            partial = target.with_name(f".{target.name}.partial")
            model.model.save_pretrained(partial)
            model.tokenizer.save_pretrained(partial)
            partial.rename(target)
        return target

    def _job(
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
        write_records(folder / "data/public.jsonl", self.dataset.arm(Arm.PUBLIC))
        model, settings = None, {}
        if method != "train":
            model = self.reference(self.original())
        elif self.recipe.shards:
            settings = {"subject_level": self.dataset.subject_level, "adapter": ADAPTER}
        recipe = replace(self.recipe, epochs=self._epochs(rest))
        write_job(folder, UnlearningJob(method, recipe, DATA, model, settings, device="cpu"))
        if unlearn(folder) != 0:
            message = f"{name}: {read_result(folder).failure}"
            raise RuntimeError(message)
        return output

    def _epochs(self, records: Sequence[Record]) -> int:
        """Return the epochs that make as many steps on fewer records as the original's made."""
        return round(self.recipe.epochs * len(self.dataset.arm(Arm.TRAINED)) / len(records))


def world(
    folder: Path,
    seed: int,
    *,
    small: bool = True,
    together: int = 1,
    recipe: Mapping[str, Any] | None = None,
) -> World:
    """Return a hospital with models; ``small`` ones train in seconds and still memorise.

    A small one has more twins than trained people; who is which is drawn at random as well.
    ``recipe`` changes a small one's, and nobody's data: a sharded model has public records besides.
    """
    logging.disable_progress_bar()
    changes = dict(recipe or {})
    place = folder / "-".join(["world", str(seed), *(f"{k}{v}" for k, v in changes.items())])
    if not small:
        large = Recipe(vocabulary=1024, epochs=16, batch=32, seed=seed)
        return World(place, generate_hospital(HospitalSettings(), seed), large, together)
    public = PUBLIC if changes.get("shards") else 0
    settings = HospitalSettings(institutions=2, pairs=(TRAINED + TWINS) // 4, public=public)
    dataset = generate_hospital(settings, seed)
    rights = [key for key, arm in dataset.arms.items() if arm is not Arm.PUBLIC]
    drawn = draw_arms(tuple(rights), seed, {Arm.TRAINED: TRAINED, Arm.TWIN: TWINS})
    arms = drawn.arms() | dict.fromkeys(dataset.subjects(Arm.PUBLIC), Arm.PUBLIC)
    dataset = replace(dataset, arms=arms, assignment=drawn)
    return World(place, dataset, replace(SMALL, seed=seed, **changes), together)


def judged(
    place: World, person: SubjectKey, candidate: Path, folder: Path, profile: str = "erasure"
) -> Report:
    """Preregister and run a verification of ``candidate`` in ``folder``."""
    return carried_out(planned(place, person, folder, profile), candidate, folder)


def carried_out(
    plan: Path, candidate: Path, folder: Path, signals: Signals | None = None
) -> Report:
    """Run in ``folder`` what was preregistered in the folder ``plan``, on ``candidate``.

    ``signals`` are answers that the models gave before.
    """
    if plan != folder:
        shutil.copytree(plan, folder, dirs_exist_ok=True)
    digest = PREREGISTRATION.validate_python(read_json(folder / PREREGISTRATION_FILE)).digest
    job = read_job(folder, VerificationJob)
    place = candidate.resolve()
    reference = replace(job.original, path=str(place), digest=folder_digest(place))
    write_job(folder, replace(job, candidate=reference, preregistration=digest))
    verify(folder, signals)
    return read_report(folder)


def planned(
    place: World, person: SubjectKey, folder: Path, profile: str, also: tuple[str, ...] = ()
) -> Path:
    """Preregister a verification in ``folder``, for any number of candidates."""
    job = prepared(place, person, folder, profile)
    write_job(folder, replace(job, also=also))
    preregister(folder)
    return folder


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
        "population": place.records([other for other in place.persons if other != person]),
    }
    for name, records in sets.items():
        write_records(folder / f"data/{name}.jsonl", records)
    job = VerificationJob(
        original=place.reference(place.original()),
        data=VerificationData(
            population="data/population.jsonl", subject_level=place.dataset.subject_level
        ),
        forms=place.dataset.forms,
        profile=profile,
        effect="removal",
        seed=place.recipe.seed,
        device="cpu",
    )
    write_job(folder, job)
    return job
