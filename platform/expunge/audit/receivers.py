"""Leaves about people and their rights: accounts announce, the log records.

Runs inside the transaction of the change, so that both are kept or neither is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.dispatch import receiver

from expunge.accounts.signals import AccountEvent, account_changed
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record


@receiver(account_changed)
def record_account_change(
    *,
    event: AccountEvent,
    actor: str,
    controller_id: UUID | None,
    subject: Mapping[str, str],
    data: Mapping[str, Any],
    **_sent: Any,
) -> None:
    """Append the leaf of an announced change."""
    audit_record(
        action=AuditAction(event),
        actor=actor,
        controller_id=controller_id,
        subject=subject,
        data=data,
    )
