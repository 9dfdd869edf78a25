"""The states of a ticket and the moves between them: one table, pure Python.

The database constraint, the API, the pages and the documentation are all made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class TicketState(StrEnum):
    """Where a ticket stands. ``executed``, ``verified`` and ``certified`` are three things."""

    RECEIVED = "received"
    IDENTITY_PENDING = "identity_pending"
    UNDER_REVIEW = "under_review"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    IN_PROGRESS = "in_progress"
    VERIFIED = "verified"
    VERIFICATION_FAILED = "verification_failed"
    CONTAINED = "contained"
    CERTIFIED = "certified"
    CLOSED = "closed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    ON_HOLD = "on_hold"


S = TicketState
TERMINAL = frozenset({S.CLOSED, S.REJECTED, S.WITHDRAWN, S.EXPIRED})
"""Ended: the key is destroyed. Only a certified deletion reopens, if the data is back."""

HOLDABLE = frozenset(
    {S.UNDER_REVIEW, S.AWAITING_APPROVAL, S.APPROVED, S.IN_PROGRESS, S.VERIFICATION_FAILED}
)
"""States in which a legal hold may stop a ticket; its release resumes where it stood."""

MOVES: Mapping[TicketState, frozenset[TicketState]] = {
    S.RECEIVED: frozenset({S.IDENTITY_PENDING, S.UNDER_REVIEW, S.REJECTED, S.WITHDRAWN}),
    S.IDENTITY_PENDING: frozenset({S.UNDER_REVIEW, S.REJECTED, S.WITHDRAWN, S.EXPIRED}),
    S.UNDER_REVIEW: frozenset({S.AWAITING_APPROVAL, S.REJECTED, S.WITHDRAWN, S.ON_HOLD}),
    S.AWAITING_APPROVAL: frozenset(
        {S.APPROVED, S.UNDER_REVIEW, S.REJECTED, S.WITHDRAWN, S.ON_HOLD}
    ),
    S.APPROVED: frozenset({S.IN_PROGRESS, S.CLOSED, S.WITHDRAWN, S.ON_HOLD}),
    S.IN_PROGRESS: frozenset({S.VERIFIED, S.VERIFICATION_FAILED, S.WITHDRAWN, S.ON_HOLD}),
    S.VERIFIED: frozenset({S.CERTIFIED}),
    S.VERIFICATION_FAILED: frozenset({S.IN_PROGRESS, S.CONTAINED, S.CLOSED, S.ON_HOLD}),
    S.CONTAINED: frozenset({S.IN_PROGRESS, S.CLOSED}),
    S.CERTIFIED: frozenset({S.CLOSED}),
    S.ON_HOLD: HOLDABLE,
    **{state: frozenset() for state in TERMINAL},
    # Only what was certified reopens: the data was found to be back.
    S.CLOSED: frozenset({S.IN_PROGRESS}),
}


def may_move(source: TicketState, target: TicketState) -> bool:
    """Say whether the table has this move."""
    return target in MOVES[source]
