"""Writing the log: entries inside the transaction of what they record, checkpoints outside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from expunge.audit import checkpoint as notes
from expunge.audit.actions import AuditAction
from expunge.audit.handover import CHECKPOINT
from expunge.audit.keys import checkpoint_key, log_origin
from expunge.audit.leaves import leaf_data
from expunge.audit.models import Checkpoint, KnownKey, Leaf
from expunge.audit.selectors import checkpoint_latest, log_root, log_size
from expunge.audit.timestamps import timestamp
from expunge.common.clock import now

PENDING = """
INSERT INTO audit_pending (entry, action, occurred_at, controller, actor, role, ticket)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
SYSTEM = "system:audit"


def audit_record(  # noqa: PLR0913 - the fields of an entry
    *,
    action: AuditAction,
    actor: str,
    controller_id: UUID | None,
    subject: Mapping[str, str],
    data: Mapping[str, Any],
    role: str = "",
) -> None:
    """Append one entry to the log when the caller's transaction commits, or not at all.

    ``actor`` is a pseudonym (``user:<id>``, ``system:<part>``), ``subject`` names what the
    action was done to by ids; its ``ticket``, if any, becomes searchable. ``data`` holds no
    personal data: put a :func:`expunge.audit.leaves.commitment` where it would.

    Whoever reads the log inside the transaction has the entries so far appended at once
    (:class:`expunge.audit.models.LeafManager`).

    Raises:
        TransactionManagementError: There is no transaction.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "an audit entry belongs to the transaction of what it records"
        )
    moment = now()
    ticket = subject.get("ticket")
    entry = leaf_data(
        action=action,
        occurred_at=moment,
        actor=actor,
        role=role,
        controller=str(controller_id) if controller_id else None,
        subject=subject,
        data=data,
    )
    with connection.cursor() as cursor:
        cursor.execute(PENDING, [entry, str(action), moment, controller_id, actor, role, ticket])


def audit_record_now(
    *,
    action: AuditAction,
    actor: str,
    controller_id: UUID | None,
    subject: Mapping[str, str],
    data: Mapping[str, Any],
) -> Leaf:
    """Append one entry at once and return it, for a caller that needs its number.

    Every other append waits until the caller's transaction ends: write it last.
    """
    audit_record(
        action=action, actor=actor, controller_id=controller_id, subject=subject, data=data
    )
    return Leaf.objects.latest("seq")


@transaction.atomic
def key_introduce(*, purpose: str, key_id: str, public: str) -> KnownKey:
    """Record the first use of a public key; a key that is known already stays as it is."""
    known, fresh = KnownKey.objects.get_or_create(purpose=purpose, key_id=key_id)
    if fresh:
        audit_record(
            action=AuditAction.KEY_INTRODUCED,
            actor=SYSTEM,
            controller_id=None,
            subject={"key": key_id},
            data={"purpose": purpose, "public": public},
        )
    return known


@transaction.atomic
def key_retire(*, purpose: str, key_id: str, successor: str, until: datetime) -> None:
    """Record that a key signs nothing after ``until``, and which key takes its place."""
    audit_record(
        action=AuditAction.KEY_RETIRED,
        actor=SYSTEM,
        controller_id=None,
        subject={"key": key_id},
        data={"purpose": purpose, "successor": successor, "until": until.isoformat()},
    )


def checkpoint_renew() -> Checkpoint:
    """Sign the log as it stands; one that was quiet for a day says so first.

    Without that entry, a log in which nothing happens could not be told from one that is no longer
    kept: a size is signed once.
    """
    newest = checkpoint_latest()
    quiet = timedelta(hours=settings.EXPUNGE_QUIET_HOURS)
    if newest is not None and quiet and newest.signed_at <= now() - quiet:
        with transaction.atomic(durable=True):
            if log_size() == newest.size:
                audit_record(
                    action=AuditAction.LOG_QUIET,
                    actor=SYSTEM,
                    controller_id=None,
                    subject={},
                    data={"since": newest.signed_at.isoformat(), "size": newest.size},
                )
    return checkpoint_sign()


def checkpoint_sign() -> Checkpoint:
    """Sign the log as it stands and have the note timestamped; the same size is signed once.

    It sees only committed entries, so it runs outside any transaction: a note about an entry
    that is later rolled back would accuse an honest log.

    Raises:
        RuntimeError: A transaction is open.
    """
    key = checkpoint_key()
    public = notes.public_key(log_origin(), key)
    with transaction.atomic(durable=True):
        key_introduce(purpose=CHECKPOINT, key_id=public.id.hex(), public=str(public))
    size = log_size()
    signed = Checkpoint.objects.filter(pk=size).first()
    if signed is not None:
        return signed
    note = notes.sign(notes.Checkpoint(log_origin(), size, log_root(size)), key)
    token = timestamp(note.encode())
    with transaction.atomic(durable=True):
        Checkpoint.objects.bulk_create(
            [Checkpoint(size=size, note=note, token=token, signed_at=now())], ignore_conflicts=True
        )
    return Checkpoint.objects.get(pk=size)
