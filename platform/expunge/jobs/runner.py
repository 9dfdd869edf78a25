"""Runs a library as a process of its own, in a folder, and watches it until it ends.

The process gets an explicit environment (no credentials, no network for model hubs), a process
group of its own, and dies with the worker that started it. What it prints goes into the
attempt's folder, for it may hold personal data.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from contract.event import Event, read_events
from expunge.jobs.configuration import Configuration
from expunge.jobs.failures import AttemptFailed, AttemptStopped, LeaseLost
from expunge.jobs.leases import Heart
from expunge.jobs.locks import RunLock
from expunge.jobs.planner import TIMED_OUT
from expunge.jobs.slots import Place

OUTPUT = "output.log"
POLL_SECONDS = 0.2
GRACE_SECONDS = 20.0
KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "TZ")
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Runner:
    """Everything that stays the same for the runs of one attempt."""

    choices: Configuration
    home: Path
    place: Place
    place_fd: int
    lock: RunLock
    heart: Heart
    progress: Callable[[Event], None]

    def run(self, library: str, command: str, folder: Path) -> int:
        """Run ``python -m library command folder`` and return its exit code.

        Raises :class:`LeaseLost`, :class:`AttemptStopped`, or :class:`AttemptFailed` when it
        takes longer than allowed; nothing of it runs any more then.
        """
        arguments = [self.choices.python, "-m", library, command, str(folder)]
        with (self.home / OUTPUT).open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own libraries
                arguments,
                cwd=self.home,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
                pass_fds=(self.place_fd, self.lock.fd),
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one call into libc, no Python lock
            )
            self.lock.name_group(process.pid)
            try:
                return self._watch(process, folder)
            finally:
                _end(process, signal.SIGKILL)
                self.lock.clear()

    def last_words(self) -> str:
        """Return the last line that a library printed."""
        lines = (self.home / OUTPUT).read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else ""

    def _watch(self, process: subprocess.Popen[bytes], folder: Path) -> int:
        deadline = time.monotonic() + self.choices.time_limit.total_seconds()
        offset = 0
        while True:
            code = process.poll()
            events, offset = read_events(folder, offset)
            if events:
                self.progress(events[-1])
            if code is not None:
                return code
            if self.heart.lost.is_set():
                raise LeaseLost
            if self.heart.stop.is_set():
                _end(process, signal.SIGTERM)
                raise AttemptStopped
            if time.monotonic() > deadline:
                _end(process, signal.SIGTERM)
                limit = self.choices.time_limit
                raise AttemptFailed(TIMED_OUT, f"The run took longer than the limit of {limit}.")
            time.sleep(POLL_SECONDS)

    def _environment(self) -> Mapping[str, str]:
        threads = max(1, (os.cpu_count() or 1) // self.choices.cpu_slots)
        temporary = self.home / "tmp"
        temporary.mkdir(mode=0o700, exist_ok=True)
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        return {
            **kept,
            "PYTHONPATH": self.choices.library_path,
            "PYTHONNOUSERSITE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LANG": "C.UTF-8",
            "HOME": str(temporary),
            "TMPDIR": str(temporary),
            "HF_HOME": str(temporary / "hub"),
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "OMP_NUM_THREADS": str(threads),
            "CUDA_VISIBLE_DEVICES": self.place.gpu,
        }


def _end(process: subprocess.Popen[bytes], first: signal.Signals) -> None:
    """End the whole group: ask the leader first if so wished, then kill whatever is left."""
    with contextlib.suppress(ProcessLookupError):
        if first is signal.SIGTERM:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _die_with_parent() -> None:
    """Have the kernel kill this process when the worker that started it dies."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
