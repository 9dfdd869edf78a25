"""Writing to the log: a leaf in the transaction of what it tells, and signed checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from contract.canonical import canonical
from expunge.audit import note
from expunge.audit.actions import AuditAction
from expunge.audit.keys import ORIGIN, checkpoint_key
from expunge.audit.models import Checkpoint, Leaf
from expunge.audit.selectors import log_root, log_size
from expunge.common import clock

Timestamp = Callable[[bytes], bytes]
"""Returns an RFC 3161 token over the bytes."""


def audit_record(
    *,
    action: AuditAction,
    actor: str,
    controller_id: UUID | None,
    subject: Mapping[str, str],
    data: Mapping[str, Any],
) -> Leaf:
    """Append one leaf, in the caller's transaction: both are kept or neither is.

    ``actor`` is a pseudonym; ``subject`` names what it happened to by ids (``ticket``, ``job``,
    ...); ``data`` holds numbers, digests and codes, never personal data. Raises
    ``TransactionManagementError`` outside a transaction.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "an audit leaf belongs to the transaction of what it tells"
        )
    at = clock.now()
    ticket = subject.get("ticket")
    body = canonical(
        {
            "action": str(action),
            "actor": actor,
            "at": at.isoformat(),
            "controller": str(controller_id) if controller_id else None,
            "subject": dict(subject),
            "data": dict(data),
        }
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq, hash FROM audit_append(%s, %s, %s, %s, %s)",
            [body, str(action), at, controller_id, ticket],
        )
        seq, digest = cursor.fetchone()
    return Leaf(
        seq=seq,
        hash=bytes(digest),
        data=body,
        action=str(action),
        at=at,
        controller_id=controller_id,
        ticket_id=UUID(ticket) if ticket else None,
    )


@transaction.atomic
def checkpoint_sign(*, timestamp: Timestamp | None = None) -> Checkpoint | None:
    """Sign the log as it stands; returns the checkpoint, or ``None`` while the log is empty.

    Signing the same size again returns the checkpoint there is.
    """
    size = log_size()
    if size == 0:
        return None
    there = Checkpoint.objects.filter(size=size).first()
    if there is not None:
        return there
    root = log_root(size)
    text = note.sign(note.CheckpointText(ORIGIN, size, root), ORIGIN, checkpoint_key())
    return Checkpoint.objects.create(
        size=size,
        root=root,
        note=text,
        token=timestamp(text.encode()) if timestamp else None,
        at=clock.now(),
    )
