"""What a person may do with a ticket now: one table, asked by services, pages and API alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from expunge.accounts.permissions import Actor, Permission
from expunge.common.clock import local_date, now
from expunge.common.errors import ConflictError, DomainError, NotAllowedError
from expunge.tickets.clocks import Deadline, may_pause
from expunge.tickets.coverage import holds_over
from expunge.tickets.models import HoldKind, Ticket
from expunge.tickets.regimes import regime_named
from expunge.tickets.states import MOVES, TERMINAL, TicketState, may_move

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

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
    PAUSE_CLOCK = "pause_clock"
    RESUME_CLOCK = "resume_clock"
    RETRY = "retry"
    CONTAIN = "contain"
    CLOSE_UNVERIFIED = "close_unverified"

    @property
    def label(self) -> str:
        """Return what the button says."""
        return str(LABELS[self])


LABELS: Mapping[Task, StrOrPromise] = {
    Task.IDENTITY_CONFIRM: _("Confirm identity"),
    Task.SUBMIT: _("Submit for approval"),
    Task.APPROVE: _("Approve"),
    Task.SEND_BACK: _("Send back to review"),
    Task.REJECT: _("Refuse the request"),
    Task.WITHDRAW: _("Withdraw"),
    Task.HOLD: _("Place a legal hold"),
    Task.RELEASE: _("Release the hold"),
    Task.EXTEND: _("Extend the deadline"),
    Task.PAUSE_CLOCK: _("Pause the clock"),
    Task.RESUME_CLOCK: _("Resume the clock"),
    Task.RETRY: _("Try again"),
    Task.CONTAIN: _("Leave it contained"),
    Task.CLOSE_UNVERIFIED: _("Close as not verified"),
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
    Task.PAUSE_CLOCK: Rule(
        dict.fromkeys((S.RECEIVED, S.IDENTITY_PENDING, S.UNDER_REVIEW), _REVIEW), None
    ),
    Task.RESUME_CLOCK: Rule({s: _REVIEW for s in TicketState if s not in TERMINAL}, None),
    # Work begins and resumes by itself; only what has failed is tried again by a person.
    Task.RETRY: Rule(
        dict.fromkeys((S.VERIFICATION_FAILED, S.CONTAINED), Permission.JOB_OPERATE), S.IN_PROGRESS
    ),
    Task.CONTAIN: Rule({S.VERIFICATION_FAILED: _REVIEW}, S.CONTAINED),
    Task.CLOSE_UNVERIFIED: Rule({S.VERIFICATION_FAILED: _REVIEW, S.CONTAINED: _REVIEW}, S.CLOSED),
}


def obstacle(task: Task, actor: Actor, ticket: Ticket) -> DomainError | None:
    """Return why the actor cannot do this now, or ``None`` when they can."""
    permission = RULES[task].permission.get(TicketState(ticket.state))
    if permission is None:
        state = gettext(ticket.state.replace("_", " "))
        return ConflictError(
            "ticket_state",
            _("'%(label)s' is not possible while the ticket is '%(state)s'.")
            % {"label": Task(task).label, "state": state},
        )
    if not actor.may(permission, ticket.controller_id):
        return NotAllowedError(
            "permission_missing",
            _(
                "This needs the permission '%(permission)s' for this organisation. "
                "Ask its administrator for a role that has it."
            )
            % {"permission": permission},
        )
    if task is Task.SUBMIT or permission == _APPROVE:
        return _same_person(actor, ticket, task)
    special = SPECIAL.get(task)
    return special(ticket) if special else None


def today_at(ticket: Ticket) -> date:
    """Return the calendar day where the ticket's controller is."""
    return local_date(now(), ticket.controller.time_zone)


def _same_person(actor: Actor, ticket: Ticket, task: Task) -> NotAllowedError | None:
    if actor.user is None:
        return NotAllowedError("person_needed", _("A person must decide this."))
    if actor.user.pk == ticket.requester_id:
        return NotAllowedError(
            "own_request", _("You filed this ticket. Another person must review and approve it.")
        )
    if task is not Task.SUBMIT and actor.user.pk == ticket.reviewer_id:
        return NotAllowedError(
            "own_review", _("You reviewed this ticket. A second person must decide on it.")
        )
    return None


def _cannot_extend(ticket: Ticket) -> ConflictError | None:
    if ticket.clock["extension"]:
        return ConflictError("already_extended", _("The deadline was extended once already."))
    if today_at(ticket) > date.fromisoformat(ticket.clock["first_due"]):
        return ConflictError(
            "extension_too_late",
            _("An extension must be told to the person within the first period, which is over."),
        )
    return None


def _cannot_pause(ticket: Ticket) -> ConflictError | None:
    if ticket.paused_since:
        return ConflictError(
            "clock_stands_still", _("The clock of this ticket stands still already.")
        )
    regime = regime_named(ticket.regime)
    rules = regime.clock(ticket.ground).pauses
    if not rules:
        return ConflictError(
            "pause_unknown",
            _("Under %(title)s the clock runs on, whatever is waited for.")
            % {"title": regime.title},
        )
    if not any(may_pause(Deadline(**ticket.clock), rule, on=today_at(ticket)) for rule in rules):
        return ConflictError(
            "pause_too_late",
            _("The clock may stand still only for a question asked without delay. It runs on."),
        )
    return None


def _cannot_resume(ticket: Ticket) -> ConflictError | None:
    if ticket.paused_since is None:
        return ConflictError("clock_runs", _("The clock of this ticket runs."))
    return None


def _cannot_release(ticket: Ticket) -> ConflictError | None:
    """A hold over a person or a dataset is released itself: it may cover other tickets too."""
    holds = holds_over(ticket)
    if holds and not any(hold.kind == HoldKind.TICKET for hold in holds):
        return ConflictError(
            "held_with_others",
            _(
                "A legal hold over the data itself covers this ticket. Release that hold, "
                "on the page of legal holds."
            ),
        )
    return None


SPECIAL: Mapping[Task, Callable[[Ticket], ConflictError | None]] = {
    Task.EXTEND: _cannot_extend,
    Task.PAUSE_CLOCK: _cannot_pause,
    Task.RESUME_CLOCK: _cannot_resume,
    Task.RELEASE: _cannot_release,
}
"""What else stands in the way of a task, beside state and permission."""
