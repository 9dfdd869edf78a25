"""What the tests of the work share: the library double, and a real worker process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
PATIENCE = 40.0


def eventually(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Wait until the condition is truthy and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            message = f"waited {seconds:.0f} s in vain: {what}"
            raise AssertionError(message)
        time.sleep(0.05)
    return value


@dataclass(frozen=True)
class Library:
    """A copy of the library double of one test's own, with its scenario and its log of runs."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Library:
        shutil.copytree(HERE / "library_double", folder)
        library = cls(folder)
        library.plays()
        return library

    @property
    def python_path(self) -> str:
        return os.pathsep.join([str(self.folder), str(ROOT)])

    def plays(self, **scenario: Any) -> None:
        """Set what the stages come to, by stage and method."""
        (self.folder / "scenario.json").write_text(json.dumps(scenario), encoding="utf-8")

    def hold(self, stage: str) -> None:
        """Have every run wait at this stage."""
        (self.folder / f"hold-{stage}").touch()

    def release(self, stage: str) -> None:
        (self.folder / f"hold-{stage}").unlink()

    def runs(self) -> list[dict[str, Any]]:
        path = self.folder / "runs.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    def said(self) -> list[str]:
        return [run["what"] for run in self.runs()]

    def reached(self, what: str, times: int = 1) -> dict[str, Any]:
        """Wait until a run has noted this so many times; return the last of them."""
        found: list[dict[str, Any]] = eventually(
            lambda: (
                len(hits := [run for run in self.runs() if run["what"] == what]) >= times and hits
            ),
            f"the library to say '{what}' {times} times",
        )
        return found[-1]


@dataclass
class Worker:
    """A real Celery worker with its beat, as a process group of its own."""

    environment: dict[str, str]
    log: Path
    _process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        beat = ("--beat", "--schedule", str(self.log.with_suffix(".schedule")))
        queues = ("--queues", "default,attempts,signing", "--concurrency", "2")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "celery", "--app", "expunge.config.celery"),
                    *("worker", "--loglevel", "INFO", *queues, *beat),
                ],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill the worker and its pool outright, as a machine that loses power."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the worker and its pool."""
        if self._process is not None:
            os.killpg(self._process.pid, number)

    def elsewhere(self, attempts: Path) -> dict[str, str]:
        """Return the environment of a worker that has its attempts' folder to itself."""
        given = json.loads(self.environment["EXPUNGE_TEST_SETTINGS"])
        given["EXPUNGE_ATTEMPTS_DIR"] = str(attempts)
        return {**self.environment, "EXPUNGE_TEST_SETTINGS": json.dumps(given)}

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")
