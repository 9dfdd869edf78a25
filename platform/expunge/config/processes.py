"""The processes of one machine: web, worker and beat, started and stopped together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from django.conf import settings

STOP_SECONDS = 15.0
PUBLIC_URL = "EXPUNGE_PUBLIC_URL"
KEYLESS = {"EXPUNGE_MAY_SIGN": "0"}
"""What is set for processes that have no business with the keys of evidence."""


class Processes:
    """A group of child processes that ends with the ``with`` block.

    Each writes to a log of its own under ``var/log``. Every child leads a process group, so
    that a worker's own children end with it.
    """

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.logs = Path(settings.VAR) / "log"

    def __enter__(self) -> Self:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start ``python -m`` with the command; its output goes to ``var/log/<name>.log``."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603 - our own modules
                [sys.executable, "-m", *command],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=settings.ROOT,
                env={**os.environ, "PYTHONPATH": python_path(), **(environment or {})},
            )

    def start_worker(self) -> None:
        """Start a Celery worker for the work and one that signs, with the beat beside them."""
        celery = ("celery", "--app", "expunge.config.celery")
        worker = (*celery, "worker", "--loglevel", "INFO")
        # Small models run fastest on one thread each, so two attempts share the processors.
        slots = {**KEYLESS, "EXPUNGE_CPU_SLOTS": "2"}
        work = ("--queues", "default,attempts", "--concurrency", "2", "--hostname", "work@%h")
        self.start("worker", [*worker, *work], slots)
        # One process, without a pool of its own: signing is rare and short.
        signing = ("--queues", "signing", "--pool", "solo", "--hostname", "sign@%h")
        self.start("signer", [*worker, *signing], {"EXPUNGE_MAY_SIGN": "1"})
        self.start("beat", [*celery, "beat"], KEYLESS)

    def start_web(self, address: str) -> None:
        """Start the site on ``host:port``."""
        size = ("--workers", str(1 + (os.cpu_count() or 1)), "--threads", "4")
        site = ["gunicorn", "--bind", address, *size, "expunge.config.wsgi:application"]
        self.start("web", site, KEYLESS)

    def ended(self) -> tuple[str, ...]:
        """Name the processes that are no longer running."""
        return tuple(name for name, process in self._running.items() if process.poll() is not None)


def python_path() -> str:
    """Return a PYTHONPATH on which every package of the project is found."""
    return os.pathsep.join([str(settings.ROOT), str(settings.ROOT / "platform")])


def site_address(preferred: int = 8000) -> str:
    """Return where the site will listen; links in letters begin with it, here and in children."""
    address = free_address(preferred)
    if PUBLIC_URL not in os.environ:
        os.environ[PUBLIC_URL] = settings.EXPUNGE_PUBLIC_URL = f"http://{address}"
    return address


def free_address(preferred: int = 8000) -> str:
    """Return ``127.0.0.1:port``: the preferred port, or another one when it is taken."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return f"127.0.0.1:{probe.getsockname()[1]}"
    message = "no free port on 127.0.0.1"
    raise OSError(message)
