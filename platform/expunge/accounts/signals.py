"""What changed about people and their rights, told to whoever keeps the audit log.

Accounts lie below the audit log, so they announce and do not call. Receivers run inside the
transaction of the change: when one fails, the change is undone.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.dispatch import Signal


class AccountEvent(StrEnum):
    """A kind of change. Values are the names of the audit actions."""

    USER_CREATED = "user.created"
    USER_INVITED = "user.invited"
    USER_REMOVED = "user.removed"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - a name
    SECOND_FACTOR_ADDED = "second_factor.added"
    SECOND_FACTOR_REMOVED = "second_factor.removed"
    SESSIONS_ENDED = "sessions.ended"
    MEMBERSHIP_GRANTED = "membership.granted"
    MEMBERSHIP_REVOKED = "membership.revoked"
    TOKEN_CREATED = "token.created"  # noqa: S105 - a name
    TOKEN_ROTATED = "token.rotated"  # noqa: S105 - a name
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - a name
    CONTROLLER_CHANGED = "controller.changed"
    POLICY_CHANGED = "policy.changed"


account_changed = Signal()
"""Sent with ``event``, ``actor`` (pseudonym), ``controller_id``, ``subject`` and ``data``."""


def account_announce(
    *,
    event: AccountEvent,
    actor: str,
    controller_id: UUID | None,
    subject: Mapping[str, str],
    data: Mapping[str, Any] | None = None,
) -> None:
    """Tell the log of a change, inside its transaction."""
    account_changed.send(
        sender=None,
        event=event,
        actor=actor,
        controller_id=controller_id,
        subject=subject,
        data=data or {},
    )
