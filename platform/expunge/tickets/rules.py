"""What a person may do with a ticket now: one table, asked by services, pages and API alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from expunge.accounts.permissions import Actor, Permission
from expunge.common.clock import local_date, now
from expunge.common.errors import ConflictError, DomainError, NotAllowedError
from expunge.tickets.models import Ticket
from expunge.tickets.states import MOVES, TERMINAL, TicketState, may_move

S = TicketState


class Task(StrEnum):
    """A thing a person does with a ticket; the value completes the service's name."""

    IDENTITY_CONFIRM = "identity_confirm"
    SUBMIT = "submit"
    APPROVE = "approve"
    SEND_BACK = "send_back"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    HOLD = "hold"
    RELEASE = "release"
    EXTEND = "extend"
    RETRY = "retry"
    CLOSE_UNVERIFIED = "close_unverified"

    @property
    def label(self) -> str:
        """Return what the button says."""
        return LABELS[self]


LABELS: Mapping[Task, str] = {
    Task.IDENTITY_CONFIRM: "Confirm identity",
    Task.SUBMIT: "Submit for approval",
    Task.APPROVE: "Approve",
    Task.SEND_BACK: "Send back to review",
    Task.REJECT: "Refuse the request",
    Task.WITHDRAW: "Withdraw",
    Task.HOLD: "Place a legal hold",
    Task.RELEASE: "Release the hold",
    Task.EXTEND: "Extend the deadline",
    Task.RETRY: "Try again",
    Task.CLOSE_UNVERIFIED: "Close as not verified",
}


@dataclass(frozen=True)
class Rule:
    """The permission a task needs in each state in which it can be done, and its target."""

    permission: Mapping[TicketState, Permission]
    target: TicketState | None


def _leading_to(target: TicketState, permission: Permission) -> dict[TicketState, Permission]:
    return {state: permission for state in MOVES if may_move(state, target)}


_REVIEW, _APPROVE = Permission.TICKET_REVIEW, Permission.TICKET_APPROVE
RULES: Mapping[Task, Rule] = {
    Task.IDENTITY_CONFIRM: Rule({S.IDENTITY_PENDING: _REVIEW}, S.UNDER_REVIEW),
    Task.SUBMIT: Rule({S.UNDER_REVIEW: _REVIEW}, S.AWAITING_APPROVAL),
    Task.APPROVE: Rule({S.AWAITING_APPROVAL: _APPROVE}, S.APPROVED),
    Task.SEND_BACK: Rule({S.AWAITING_APPROVAL: _APPROVE}, S.UNDER_REVIEW),
    Task.REJECT: Rule(
        {**_leading_to(S.REJECTED, _REVIEW), S.AWAITING_APPROVAL: _APPROVE}, S.REJECTED
    ),
    Task.WITHDRAW: Rule(_leading_to(S.WITHDRAWN, Permission.TICKET_FILE), S.WITHDRAWN),
    Task.HOLD: Rule(_leading_to(S.ON_HOLD, _REVIEW), S.ON_HOLD),
    Task.RELEASE: Rule({S.ON_HOLD: _REVIEW}, None),
    Task.EXTEND: Rule(
        {s: _REVIEW for s in TicketState if s not in TERMINAL | {S.VERIFIED, S.CERTIFIED}}, None
    ),
    # Work begins and resumes by itself; only what has failed is tried again by a person.
    Task.RETRY: Rule(
        dict.fromkeys((S.VERIFICATION_FAILED, S.CONTAINED), Permission.JOB_OPERATE), S.IN_PROGRESS
    ),
    Task.CLOSE_UNVERIFIED: Rule({S.VERIFICATION_FAILED: _REVIEW, S.CONTAINED: _REVIEW}, S.CLOSED),
}


def obstacle(task: Task, actor: Actor, ticket: Ticket) -> DomainError | None:
    """Return why the actor cannot do this now, or ``None`` when they can."""
    permission = RULES[task].permission.get(TicketState(ticket.state))
    if permission is None:
        state = ticket.state.replace("_", " ")
        return ConflictError(
            "ticket_state", f"'{Task(task).label}' is not possible while the ticket is '{state}'."
        )
    if not actor.may(permission, ticket.controller_id):
        return NotAllowedError(
            "permission_missing",
            f"This needs the permission '{permission}' for this organisation. "
            "Ask its administrator for a role that has it.",
        )
    if task is Task.SUBMIT or permission == _APPROVE:
        return _same_person(actor, ticket, task)
    if task is Task.EXTEND:
        return _cannot_extend(ticket)
    return None


def today_at(ticket: Ticket) -> date:
    """Return the calendar day where the ticket's controller is."""
    return local_date(now(), ticket.controller.time_zone)


def _same_person(actor: Actor, ticket: Ticket, task: Task) -> NotAllowedError | None:
    if actor.user is None:
        return NotAllowedError("person_needed", "A person must decide this.")
    if actor.user.pk == ticket.requester_id:
        return NotAllowedError(
            "own_request", "You filed this ticket. Another person must review and approve it."
        )
    if task is not Task.SUBMIT and actor.user.pk == ticket.reviewer_id:
        return NotAllowedError(
            "own_review", "You reviewed this ticket. A second person must decide on it."
        )
    return None


def _cannot_extend(ticket: Ticket) -> ConflictError | None:
    if ticket.clock["extension"]:
        return ConflictError("already_extended", "The deadline was extended once already.")
    if today_at(ticket) > date.fromisoformat(ticket.clock["first_due"]):
        return ConflictError(
            "extension_too_late",
            "An extension must be told to the person within the first period, which is over.",
        )
    return None
