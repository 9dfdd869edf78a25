"""What a deployment may choose about the work, read from the settings, with its defaults."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings


@dataclass(frozen=True)
class Configuration:
    """The choices of one worker host.

    ``python`` runs the libraries and ``library_path`` is their PYTHONPATH; ``devices`` is
    ``auto``, ``cpu`` or a comma-separated list such as ``cuda:0,cuda:1``; ``cpu_slots`` is how
    many attempts may run at once on a machine without a GPU. ``time_limit`` bounds one run of
    one library; ``takeovers`` how often an attempt may lose its worker before it is given up.
    """

    attempts: Path
    python: str
    library_path: str
    devices: str
    cpu_slots: int
    lease: timedelta
    sweep: timedelta
    time_limit: timedelta
    takeovers: int


def configuration() -> Configuration:
    """Read the choices from the settings."""
    root = Path(settings.ROOT)
    return Configuration(
        attempts=Path(settings.EXPUNGE_ATTEMPTS_DIR),
        python=settings.EXPUNGE_LIBRARY_PYTHON or sys.executable,
        library_path=getattr(settings, "EXPUNGE_LIBRARY_PATH", "") or str(root),
        devices=getattr(settings, "EXPUNGE_DEVICES", "auto"),
        cpu_slots=int(getattr(settings, "EXPUNGE_CPU_SLOTS", 1)),
        lease=timedelta(seconds=settings.EXPUNGE_LEASE_SECONDS),
        sweep=timedelta(seconds=settings.EXPUNGE_RECLAIM_SECONDS),
        time_limit=timedelta(seconds=int(getattr(settings, "EXPUNGE_ATTEMPT_SECONDS", 86_400))),
        takeovers=int(getattr(settings, "EXPUNGE_TAKEOVERS", 8)),
    )
