"""What the two doubles share: a scenario to follow, a log of runs, and places to wait at."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

HOME = Path(__file__).resolve().parent
WAIT_SECONDS = 60.0


class Cancelled(Exception):  # noqa: N818 - an event, not an error
    """SIGTERM arrived."""


def outcome(stage: str, method: str) -> str:
    """Return what the scenario wants; a list is for the first run, the second run ..."""
    told = _scenario().get(stage, {}).get(method, "ok")
    if isinstance(told, str):
        return told
    before = sum(run["what"] == f"begin {stage} {method}" for run in _runs())
    return str(told[min(before, len(told)) - 1])


def note(what: str, folder: Path) -> None:
    """Append a line to the log of runs, in one write."""
    line = json.dumps(
        {"what": what, "attempt": f"{folder.parent.name}/{folder.name}", "pid": os.getpid()}
    )
    with (HOME / "runs.jsonl").open("a", encoding="utf-8") as log:
        log.write(line + "\n")


def wait_at(stage: str) -> None:
    """Wait here while the test holds this stage."""
    gate = HOME / f"hold-{stage}"
    deadline = time.monotonic() + WAIT_SECONDS
    while gate.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def heed_termination() -> None:
    """Turn SIGTERM into an exception, as the real libraries stop at their next step."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Cancelled

    signal.signal(signal.SIGTERM, stop)


def act(told: str) -> None:
    """Die the way the scenario wants."""
    if told == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if told == "vanish":
        sys.exit(3)


def _scenario() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HOME / "scenario.json").read_text(encoding="utf-8"))
    return found


def _runs() -> list[dict[str, Any]]:
    path = HOME / "runs.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]
