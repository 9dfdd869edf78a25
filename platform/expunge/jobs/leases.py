"""Who works on something: a lease in Postgres with an expiry and a fencing token.

Every acquisition raises the token. All that a worker writes is conditional on the token of its
lease, so that a worker that was thought dead can write nothing any more. Time is the database's,
the one clock that all workers share. What is leased is a batch (one unlearning run with all of
its attempts) or a re-verification.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from django.db import DatabaseError, connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from expunge.jobs.configuration import configuration
from expunge.jobs.failures import LeaseLost
from expunge.jobs.models import Batch, Leased, Reverification

logger = logging.getLogger(__name__)

RUNNING = "running"
EXPIRED = Q(state=RUNNING) & Q(lease_until__lte=Now())
DUE = Q(state="queued") | EXPIRED
BEATS_PER_LEASE = 4


@dataclass(frozen=True)
class Lease:
    """The right to work on a batch or a re-verification, until it expires unrenewed."""

    work_id: UUID
    token: int
    kind: type[Batch | Reverification] = Batch


def owner_name() -> str:
    """Return the name under which this process holds leases."""
    return f"{socket.gethostname()}:{os.getpid()}"


def lease_term() -> dict[str, Any]:
    """Return the columns of a lease that begins now."""
    return {"owner": owner_name(), "lease_until": Now() + configuration().lease}


def lease_start() -> dict[str, Any]:
    """Return the columns of the first lease; the move to ``running`` writes them."""
    return {"token": F("token") + 1, **lease_term()}


def lease_take_over(row: Leased) -> bool:
    """Take over the expired lease of a locked row; ``False`` when it lost too many workers."""
    if row.token >= configuration().takeovers:
        return False
    type(row).objects.filter(pk=row.pk).update(**lease_start())  # type: ignore[attr-defined]
    row.refresh_from_db(fields=["token"])
    return True


def lease_write(lease: Lease, **fields: Any) -> None:
    """Set columns of the leased row; raises :class:`LeaseLost` unless the lease is still ours."""
    if not _ours(lease).update(**fields):
        raise LeaseLost


def lease_renew(lease: Lease) -> bool:
    """Renew the lease and say whether someone asked to stop; raises :class:`LeaseLost`."""
    lease_write(lease, **lease_term())
    found = _ours(lease).first()
    return found is not None and found.stop_asked()


def lease_row(lease: Lease) -> Any:
    """Lock and return the leased row in a transaction; raises :class:`LeaseLost`."""
    row = _ours(lease).select_for_update(of=("self",)).first()
    if row is None:
        raise LeaseLost
    return row


class Heart:
    """Renews a lease from a thread of its own for as long as the ``with`` block lasts.

    ``lost`` is set when the lease is another's, or may be because the database has not answered
    for the length of a lease; ``stop`` when someone asked the work to stop.
    """

    def __init__(self, lease: Lease) -> None:
        self.lost = threading.Event()
        self.stop = threading.Event()
        self._lease = lease
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        term = configuration().lease.total_seconds()
        renewed = time.monotonic()
        try:
            while not self._over.wait(term / BEATS_PER_LEASE) and not self.lost.is_set():
                asked = time.monotonic()
                try:
                    if lease_renew(self._lease):
                        self.stop.set()
                    renewed = asked
                except LeaseLost:
                    self.lost.set()
                except DatabaseError:
                    connection.close()
                    logger.warning("The database does not answer; the lease is not renewed")
                    if time.monotonic() - renewed > term:
                        self.lost.set()
        finally:
            connection.close()


def _ours(lease: Lease) -> QuerySet[Any]:
    return lease.kind.objects.filter(pk=lease.work_id, token=lease.token, state=RUNNING)
