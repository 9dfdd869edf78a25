"""Two small hospitals with trained models, made once for all workers of a test session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from benchmarks.candidates import World, world
from tests.verification.town import Town

MakeWorld = Callable[[int], World]


@pytest.fixture(scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def town(one_thread: None) -> Town:
    """Return a town whose models are trained in a second, when they are first asked for."""
    return Town()


@pytest.fixture(scope="session")
def hospital(
    tmp_path_factory: pytest.TempPathFactory, one_thread: None, worker_id: str
) -> MakeWorld:
    """Return hospitals by seed; their models are trained under a lock, by whoever comes first."""
    own = tmp_path_factory.getbasetemp()
    folder = own if worker_id == "master" else own.parent
    shared = folder / "verification-models"
    shared.mkdir(exist_ok=True)

    def made(seed: int) -> World:
        place = world(shared, seed)
        with FileLock(shared / f"{seed}.lock"):
            place.original()
        return place

    return made


@pytest.fixture(scope="session")
def candidate(hospital: MakeWorld) -> Callable[[int, int, str], tuple[World, Path]]:
    """Return a hospital and a candidate model of a kind for one of its persons."""

    def made(seed: int, person: int, kind: str) -> tuple[World, Path]:
        place = hospital(seed)
        with FileLock(place.folder / f"{kind}-{person}.lock"):
            return place, place.candidate(kind, place.persons[person])

    return made
