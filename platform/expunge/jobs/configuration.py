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
    many runs may go on at once on a machine without a GPU. ``time_limit`` bounds one run of
    one library; ``takeovers`` how often a run may lose its worker before it is given up.
    ``batch_window`` is how long due work waits for company where the organisation's policy does
    not say; work due within ``urgent`` does not wait. ``reverify`` turns on that certified
    erasures are checked again on later versions, ``reverify_at_once`` of them at a time.
    ``learns``: the order of methods is learned from past attempts, not the ladder's own.
    ``stuck``: after so long without progress a ticket counts as stuck.
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
    batch_window: timedelta
    urgent: timedelta
    reverify: bool
    reverify_at_once: int
    learns: bool
    stuck: timedelta


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
        batch_window=timedelta(seconds=int(getattr(settings, "EXPUNGE_BATCH_WINDOW_SECONDS", 0))),
        urgent=timedelta(days=int(getattr(settings, "EXPUNGE_BATCH_URGENT_DAYS", 3))),
        reverify=bool(getattr(settings, "EXPUNGE_REVERIFY", True)),
        reverify_at_once=int(getattr(settings, "EXPUNGE_REVERIFY_AT_ONCE", 1)),
        learns=getattr(settings, "EXPUNGE_PLANNER", "learned") == "learned",
        stuck=timedelta(minutes=int(getattr(settings, "EXPUNGE_STUCK_MINUTES", 60))),
    )
