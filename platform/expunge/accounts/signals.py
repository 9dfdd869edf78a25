"""What changed about people and their rights, told to whoever keeps the audit log.

Accounts lie below the audit log, so they announce and do not call. Receivers run inside the
transaction of the change: when one fails, the change is undone.
"""

from __future__ import annotations

from enum import StrEnum

from django.dispatch import Signal


class AccountEvent(StrEnum):
    """A kind of change. Values are the names of the audit actions."""

    USER_CREATED = "user.created"
    MEMBERSHIP_GRANTED = "membership.granted"
    MEMBERSHIP_REVOKED = "membership.revoked"
    TOKEN_CREATED = "token.created"  # noqa: S105 - a name
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - a name


account_changed = Signal()
"""Sent with ``event``, ``actor`` (pseudonym), ``controller_id``, ``subject`` and ``data``."""
