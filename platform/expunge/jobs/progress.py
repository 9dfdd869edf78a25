"""How far the work is, on the rows that pages read."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from contract.event import Event
from expunge.jobs.leases import RUNNING

PROGRESS_SECONDS = 0.5
MESSAGE_LENGTH, PHASE_LENGTH = 300, 60


class Progress:
    """Shows the libraries' events on the rows at work, at most twice a second.

    Nothing rests on it, so it is not fenced: a late worker may move a progress bar, no more.
    """

    def __init__(self, rows: QuerySet[Any]) -> None:
        self._rows = rows.filter(state=RUNNING)
        self._only: UUID | None = None
        self._shown = 0.0

    def about(self, only: UUID | None) -> None:
        """Say from now on how far one row is, or all of them."""
        self._only = only
        self._shown = 0.0

    def say(self, phase: str, message: str, done: int = 0, total: int = 0) -> None:
        """Write a phase and a message."""
        rows = self._rows if self._only is None else self._rows.filter(pk=self._only)
        rows.update(
            phase=phase[:PHASE_LENGTH], message=message[:MESSAGE_LENGTH], done=done, total=total
        )

    def __call__(self, event: Event) -> None:
        """Write the event, unless one was written a moment ago."""
        if time.monotonic() - self._shown >= PROGRESS_SECONDS:
            self._shown = time.monotonic()
            self.say(event.phase, event.message, event.done, event.total)
