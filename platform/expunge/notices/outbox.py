"""Claiming rows of the outbox, and what becomes of them: sent, tried again, given up.

A row is claimed by one conditional update, so two workers never send the same row at the same
time. A worker that dies after sending and before saying so leaves a claim that runs out, and the
row is sent once more: delivery is at least once. Message-ID and webhook-id stay the same over all
tries, so that a receiver can tell a repetition.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from django.db.models import F, Q, QuerySet

from expunge.common.clock import now
from expunge.notices.models import OutboxRow, OutboxState

LEASE = timedelta(minutes=3)
"""Longer than any one try may take: see the time limits of mail and webhooks."""

Row = TypeVar("Row", bound=OutboxRow)


@dataclass(frozen=True)
class Patience:
    """How often something is tried, and how long between: doubling, up to a limit."""

    tries: int
    first: timedelta
    longest: timedelta

    def delay(self, tries: int) -> timedelta:
        """Return how long to wait after so many tries: between half of the full time and all."""
        full = min(self.longest, self.first * (1 << min(tries - 1, 30)))
        return full * random.uniform(0.5, 1)  # noqa: S311 - spreads load; no secret


MAIL = Patience(tries=10, first=timedelta(minutes=1), longest=timedelta(hours=6))
WEBHOOK = Patience(tries=12, first=timedelta(seconds=15), longest=timedelta(hours=10))


def rows_due(kind: type[Row], moment: datetime) -> QuerySet[Row]:
    """Return what is to be sent now: waiting rows, and those whose worker died."""
    waiting = Q(state=OutboxState.QUEUED, due_at__lte=moment)
    left = Q(state=OutboxState.SENDING, lease_until__lt=moment)
    rows: QuerySet[Row] = kind._default_manager.filter(waiting | left)  # noqa: SLF001 - Django's API
    return rows


def row_claim(kind: type[Row], row_id: UUID) -> Row | None:
    """Claim a row that is due; ``None`` when it is not, or someone else has it."""
    moment, claim = now(), uuid4()
    claimed = (
        rows_due(kind, moment)
        .filter(pk=row_id)
        .update(
            state=OutboxState.SENDING,
            claim=claim,
            lease_until=moment + LEASE,
            tries=F("tries") + 1,
        )
    )
    if not claimed:
        return None
    row: Row | None = kind._default_manager.filter(pk=row_id, claim=claim).first()  # noqa: SLF001 - as above
    return row


def row_sent(row: OutboxRow, **columns: Any) -> bool:
    """Record that a claimed row was sent; false when the claim has passed to another worker."""
    return _finish(row, state=OutboxState.SENT, error="", ended_at=now(), **columns)


def row_failed(row: OutboxRow, *, error: str, patience: Patience, final: bool = False) -> bool:
    """Record a failed try: try again later, or give up for all to see."""
    if gives_up(row, patience, final=final):
        return _finish(row, state=OutboxState.FAILED, error=error, ended_at=now())
    due = now() + patience.delay(row.tries)
    return _finish(row, state=OutboxState.QUEUED, error=error, due_at=due)


def row_cancelled(row: OutboxRow, *, error: str) -> bool:
    """Record that a claimed row is not sent after all."""
    return _finish(row, state=OutboxState.CANCELLED, error=error, ended_at=now())


def gives_up(row: OutboxRow, patience: Patience, *, final: bool) -> bool:
    """Say whether a failed try was the last."""
    return final or row.tries >= patience.tries


def _finish(row: OutboxRow, **columns: Any) -> bool:
    mine = type(row)._default_manager.filter(  # noqa: SLF001 - as above
        pk=row.pk, state=OutboxState.SENDING, claim=row.claim
    )
    return bool(mine.update(claim=None, lease_until=None, **columns))
