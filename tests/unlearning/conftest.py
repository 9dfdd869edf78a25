"""Tiny trained models (two layers, seconds) and a builder of job folders around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from contract.job import ModelRef, Recipe, UnlearningData, UnlearningJob, write_job
from contract.manifest import manifest_of
from contract.record import Record, write_records
from contract.result import Result, read_result
from corpora.assignment import Arm
from corpora.dataset import Dataset
from corpora.hospital import HospitalSettings, generate_hospital
from unlearning.run import run

RECIPE = Recipe(
    architecture={
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    },
    vocabulary=400,
    epochs=30,
    batch=8,
    learning_rate=5e-3,
    warmup=5,
    rank=8,
)
ADAPTER = {"epochs": 40, "learning_rate": 1e-2, "batch": 8, "warmup": 3}
BRIEF = {"epochs": 2, "learning_rate": 1e-2, "batch": 8, "warmup": 1}
QUICK = replace(RECIPE, epochs=2, shards=2, rank=4)
SCHEMES = {
    "plain": QUICK,
    "sisa": replace(QUICK, slices=2),
    "s3t": replace(QUICK, slices=2, permutations=2),
}


@dataclass(frozen=True)
class Clinic:
    """A tiny hospital: Mallory's model learned ``trained``; ``forget`` is one patient of it."""

    dataset: Dataset
    forget: tuple[Record, ...]
    retain: tuple[Record, ...]
    calibration: tuple[Record, ...]
    public: tuple[Record, ...]

    @property
    def trained(self) -> tuple[Record, ...]:
        return self.dataset.arm(Arm.TRAINED)


@dataclass(frozen=True)
class Trained:
    """A trained model: its folder, its reference and its recipe."""

    path: Path
    ref: ModelRef
    recipe: Recipe


MakeJob = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def clinic() -> Clinic:
    settings = HospitalSettings(institutions=1, pairs=4, studies=1, sections=2, facts=2, public=2)
    dataset = generate_hospital(settings, seed=7)
    forget = dataset.subject_records(dataset.subjects(Arm.TRAINED)[0])
    gone = {record.id for record in forget}
    retain = tuple(item for item in dataset.arm(Arm.TRAINED) if item.id not in gone)
    calibration, _ = dataset.split_twins()
    return Clinic(dataset, forget, retain, calibration, dataset.arm(Arm.PUBLIC))


def build_job(folder: Path, job: UnlearningJob, records: Mapping[str, Any]) -> Path:
    """Write a job folder with its record files."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for name, items in records.items():
        write_records(folder / "data" / f"{name}.jsonl", items)
    write_job(folder, job)
    return folder


def train_model(
    folder: Path, recipe: Recipe, clinic: Clinic, adapter: Mapping[str, Any] = ADAPTER
) -> Trained:
    job = UnlearningJob(
        "train",
        recipe,
        data=UnlearningData(public="data/public.jsonl"),
        settings={"subject_level": 1, "adapter": adapter},
        device="cpu",
    )
    build_job(folder, job, {"retain": clinic.trained, "public": clinic.public})
    assert run(folder) == 0
    model = read_result(folder).model
    assert model is not None
    return Trained(folder / "output", replace(model, path=str(folder / "output")), recipe)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, clinic: Clinic) -> Trained:
    return train_model(tmp_path_factory.mktemp("whole"), RECIPE, clinic)


@pytest.fixture(scope="session")
def sharded(tmp_path_factory: pytest.TempPathFactory, clinic: Clinic) -> Trained:
    recipe = replace(RECIPE, shards=2, epochs=10, rank=8)
    return train_model(tmp_path_factory.mktemp("sharded"), recipe, clinic)


@pytest.fixture(scope="session")
def models_by_scheme(
    tmp_path_factory: pytest.TempPathFactory, clinic: Clinic
) -> Mapping[str, Trained]:
    """Return a model for each way to divide it, trained for a moment only."""
    return {
        name: train_model(tmp_path_factory.mktemp(name), recipe, clinic, BRIEF)
        for name, recipe in SCHEMES.items()
    }


def files(folder: Path) -> dict[str, str]:
    """Return the digest of each file below a folder."""
    return {item.path: item.sha256 for item in manifest_of(folder)}


@pytest.fixture
def make_job(tmp_path: Path, clinic: Clinic) -> MakeJob:
    """Return a builder of a job folder: ``make_job(method, trained, settings=..., **data)``."""

    def make(
        method: str,
        trained: Trained,
        settings: Mapping[str, Any] | None = None,
        model: ModelRef | None = None,
        name: str = "attempt",
        **records: Any,
    ) -> Path:
        job = UnlearningJob(
            method,
            trained.recipe,
            data=UnlearningData(calibration="data/calibration.jsonl", public="data/public.jsonl"),
            model=model or trained.ref,
            settings=settings or {},
            device="cpu",
        )
        kinds = ("forget", "retain", "calibration", "public")
        content = {kind: records.get(kind, getattr(clinic, kind)) for kind in kinds}
        return build_job(tmp_path / name, job, content)

    return make


@pytest.fixture
def completed() -> Callable[[Path], Result]:
    """Return a runner of job folders that must complete."""

    def check(folder: Path) -> Result:
        assert run(folder) == 0, read_result(folder).failure
        return read_result(folder)

    return check


@pytest.fixture
def failed() -> Callable[[Path], Result]:
    """Return a runner of job folders that must fail, with a result."""

    def check(folder: Path) -> Result:
        assert run(folder) == 1
        result = read_result(folder)
        assert result.status == "failed" and result.failure is not None and result.model is None
        return result

    return check
