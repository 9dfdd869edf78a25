"""The data of the demonstration and the models trained on it, as an engineer would bring them.

Everything runs through the public doors: ``python -m corpora`` writes the datasets,
``python -m unlearning run FOLDER`` trains, the registry's services register.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from pydantic import TypeAdapter
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from contract.event import read_events
from contract.job import Recipe, UnlearningData, UnlearningJob, write_job
from contract.record import write_records
from contract.result import read_result
from corpora.assignment import Arm
from corpora.dataset import Dataset, write_dataset
from expunge.config.demo.people import Cast
from expunge.config.processes import python_path
from expunge.registry.artifacts import artifact_store
from expunge.registry.models import DatasetVersion, ModelVersion
from expunge.registry.services import (
    dataset_version_register,
    model_register,
    model_version_register,
)

POLL_SECONDS = 0.3
_RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)


@dataclass(frozen=True)
class Plan:
    """A model to be: its name, the data it learns, and its recipe."""

    model: str
    description: str
    dataset: Dataset
    recipe: Recipe


@dataclass(frozen=True)
class Trained:
    """A registered model version with the registered data it learned."""

    plan: Plan
    dataset: DatasetVersion
    version: ModelVersion
    seconds: float


def train_all(cast: Cast, plans: Sequence[Plan], console: Console) -> list[Trained]:
    """Train every plan side by side and register data, models and versions."""
    base = Path(settings.VAR) / "demo"
    folders = [base / f"training-{number}" for number in range(len(plans))]
    for plan, folder in zip(plans, folders, strict=True):
        _prepare(plan, folder)
    _run(plans, folders, console)
    return [
        _register(cast, plan, folder, base / "data" / folder.name)
        for plan, folder in zip(plans, folders, strict=True)
    ]


def _prepare(plan: Plan, folder: Path) -> None:
    (folder / "data").mkdir(parents=True)
    data = UnlearningData(public="data/public.jsonl" if plan.recipe.shards else None)
    write_records(folder / data.retain, plan.dataset.arm(Arm.TRAINED))
    if data.public:
        write_records(folder / data.public, plan.dataset.arm(Arm.PUBLIC))
    job = UnlearningJob(
        "train",
        plan.recipe,
        data=data,
        settings={"subject_level": plan.dataset.subject_level},
        seed=plan.recipe.seed,
    )
    write_job(folder, job)


def _run(plans: Sequence[Plan], folders: Sequence[Path], console: Console) -> None:
    """Run the trainings side by side with a progress bar each."""
    note = TextColumn("{task.fields[note]}")
    columns = (TextColumn("  {task.description:<24}"), BarColumn(), note)
    environment = {"PYTHONPATH": python_path(), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        running = {
            folder: (
                _start(folder, environment),
                progress.add_task(plan.model, total=None, note=""),
            )
            for plan, folder in zip(plans, folders, strict=True)
        }
        offsets = dict.fromkeys(folders, 0)
        while running:
            time.sleep(POLL_SECONDS)
            for folder, (process, bar) in list(running.items()):
                events, offsets[folder] = read_events(folder, offsets[folder])
                for event in events:
                    progress.update(
                        bar, completed=event.done, total=event.total or None, note=event.phase
                    )
                if process.poll() is not None:
                    progress.update(bar, note="trained" if process.returncode == 0 else "failed")
                    del running[folder]
    for folder in folders:
        result = read_result(folder)
        if result.failure is not None:
            message = f"training failed: {result.failure.message}"
            raise RuntimeError(message)


def _start(folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with (folder / "output.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - our own library
            [sys.executable, "-m", "unlearning", "run", str(folder)],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _register(cast: Cast, plan: Plan, folder: Path, home: Path) -> Trained:
    write_dataset(home, plan.dataset)
    dataset = dataset_version_register(
        actor=cast.carol,
        controller_id=cast.controller.pk,
        name=plan.dataset.name,
        uri=str(home),
    )
    result = read_result(folder)
    if result.model is None:
        message = "training wrote no model"
        raise RuntimeError(message)
    model = model_register(
        actor=cast.carol,
        controller_id=cast.controller.pk,
        name=plan.model,
        description=plan.description,
    )
    recipe: dict[str, Any] = _RECIPE.dump_python(plan.recipe, mode="json")
    version = model_version_register(
        actor=cast.carol,
        model=model,
        uri=artifact_store(folder / result.model.path, f"models/{model.pk}/1"),
        layout=result.model.layout,
        recipe=recipe,
        uses=_uses(plan, dataset),
    )
    # The run read copies of people's records; the dataset itself is all that is to be left of them.
    shutil.rmtree(folder)
    return Trained(plan, dataset, version, result.seconds)


def _uses(plan: Plan, dataset: DatasetVersion) -> list[tuple[DatasetVersion, str]]:
    arms = [Arm.TRAINED, Arm.PUBLIC] if plan.recipe.shards else [Arm.TRAINED]
    return [(dataset, str(arm)) for arm in arms]
