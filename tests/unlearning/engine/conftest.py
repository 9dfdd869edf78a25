"""A context to train in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from contract.event import EventLog
from contract.job import Recipe, UnlearningJob, write_job
from unlearning.spec import Context

MakeContext = Callable[..., Context]


@pytest.fixture
def context(tmp_path: Path) -> MakeContext:
    """Return a maker of contexts in folders of the test."""

    def make(name: str = "here", *, seed: int = 0, seconds: float = 0.0) -> Context:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        job = UnlearningJob("train", Recipe(), seed=seed)
        write_job(folder, job)
        events, device, stop = EventLog(folder), torch.device("cpu"), threading.Event()
        return Context(folder, job, device, events, folder, folder, stop, seconds)

    return make
