"""Who runs an attempt: a lease in Postgres with an expiry and a fencing token.

Every acquisition raises the token. All that a worker writes about an attempt is conditional on
the token of its lease, so that a worker that was thought dead can write nothing any more. Time
is the database's, the one clock that all workers share.
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

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from contract.result import ErrorCode
from expunge.audit.actions import AuditAction
from expunge.jobs.configuration import configuration
from expunge.jobs.failures import LeaseLost
from expunge.jobs.models import Attempt
from expunge.jobs.moves import attempt_audit, attempt_move
from expunge.jobs.states import AttemptState
from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState

logger = logging.getLogger(__name__)

EXPIRED = Q(state=AttemptState.RUNNING) & Q(lease_until__lte=Now())
BEATS_PER_LEASE = 4


@dataclass(frozen=True)
class Lease:
    """The right to run an attempt, until it expires unrenewed."""

    attempt_id: UUID
    token: int


def owner_name() -> str:
    """Return the name under which this process holds leases."""
    return f"{socket.gethostname()}:{os.getpid()}"


@transaction.atomic
def lease_acquire(attempt_id: UUID) -> Lease | None:
    """Take the lease of an attempt that is queued or whose lease expired.

    Returns ``None`` when there is nothing to run: the attempt is over or in other hands, its
    ticket is not in progress, or it lost so many workers that it is given up.
    """
    ticket = Ticket.objects.select_for_update().filter(jobs__attempts=attempt_id).first()
    attempt = (
        Attempt.objects.select_for_update()
        .filter(Q(state=AttemptState.QUEUED) | EXPIRED, pk=attempt_id)
        .first()
    )
    if ticket is None or attempt is None:
        return None
    if attempt.cancel_requested or ticket.state != TicketState.IN_PROGRESS:
        attempt_move(attempt=attempt, target=AttemptState.CANCELLED)
        return None
    if attempt.state == AttemptState.QUEUED:
        started = {"token": F("token") + 1, "started_at": Now(), **_term()}
        attempt_move(attempt=attempt, target=AttemptState.RUNNING, fields=started)
        return Lease(attempt_id, attempt.token)
    if attempt.token >= configuration().takeovers:
        message = f"The attempt lost its worker {attempt.token} times and is given up."
        failure = {"code": ErrorCode.CRASHED.value, "message": message}
        attempt_move(
            attempt=attempt,
            target=AttemptState.ERRORED,
            fields={"failure": failure},
            evidence={"code": failure["code"]},
        )
        return None
    Attempt.objects.filter(pk=attempt_id).update(token=F("token") + 1, **_term())
    attempt.refresh_from_db(fields=["token"])
    attempt_audit(attempt, AuditAction.ATTEMPT_TAKEN_OVER, {})
    return Lease(attempt_id, attempt.token)


def lease_write(lease: Lease, **fields: Any) -> None:
    """Set fields of the attempt; raises :class:`LeaseLost` unless the lease is still ours."""
    if not _ours(lease).update(**fields):
        raise LeaseLost


def lease_renew(lease: Lease) -> bool:
    """Renew the lease and say whether someone asked to stop; raises :class:`LeaseLost`."""
    lease_write(lease, **_term())
    return bool(_ours(lease).filter(cancel_requested=True).exists())


def lease_attempt(lease: Lease) -> Attempt:
    """Lock and return the leased attempt in a transaction; raises :class:`LeaseLost`."""
    attempt = _ours(lease).select_for_update(of=("self",)).select_related("job__ticket").first()
    if attempt is None:
        raise LeaseLost
    return attempt


class Heart:
    """Renews a lease from a thread of its own for as long as the ``with`` block lasts.

    ``lost`` is set when the lease is another's, or may be because the database has not answered
    for the length of a lease; ``stop`` when someone asked the attempt to stop.
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


def _term() -> dict[str, Any]:
    return {"owner": owner_name(), "lease_until": Now() + configuration().lease}


def _ours(lease: Lease) -> QuerySet[Attempt]:
    return Attempt.objects.filter(
        pk=lease.attempt_id, token=lease.token, state=AttemptState.RUNNING
    )
