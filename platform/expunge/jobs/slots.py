"""One attempt per GPU, or per worker host where there is none: a lock file for each place.

The lock is handed down to the library's process, so a place stays taken for as long as anything
runs on it, also when the worker that started it is gone.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from expunge.jobs.configuration import Configuration
from expunge.jobs.locks import FileLock

GPUS = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True)
class Place:
    """Where an attempt runs: a GPU by its index, or the processor (``gpu`` is empty)."""

    name: str
    gpu: str = ""


@contextmanager
def free_place(choices: Configuration) -> Iterator[tuple[Place, int] | None]:
    """Give a free place and the descriptor of its lock, or ``None`` when all are taken."""
    for place in places(choices):
        lock = FileLock(_folder(choices) / f"{place.name}.lock")
        if lock.acquire():
            try:
                yield place, lock.fd
            finally:
                lock.release()
            return
    yield None


def places(choices: Configuration) -> tuple[Place, ...]:
    """Return the places of this host."""
    gpus = _gpus(choices.devices)
    if gpus:
        return tuple(Place(f"cuda-{gpu}", gpu) for gpu in gpus)
    return tuple(Place(f"cpu-{number}") for number in range(choices.cpu_slots))


def _gpus(devices: str) -> tuple[str, ...]:
    if devices == "cpu":
        return ()
    if devices != "auto":
        return tuple(item.strip().removeprefix("cuda:") for item in devices.split(","))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return tuple(item.strip() for item in visible.split(",") if item.strip())
    return tuple(str(number) for number, _ in enumerate(GPUS.iterdir())) if GPUS.is_dir() else ()


def _folder(choices: Configuration) -> Path:
    """Return a folder that this host shares with no other, unlike the attempts' folder."""
    name = hashlib.sha256(str(choices.attempts.resolve()).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"expunge-places-{os.getuid()}-{name}"
