"""What people decide about a ticket. Each service asks the table of rules and moves the ticket."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from uuid import UUID

from django.db import transaction

from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.errors import ConflictError, InvalidInputError, NotFoundError
from expunge.registry.selectors import versions_touched
from expunge.tickets.clocks import Deadline, extended
from expunge.tickets.intake import ticket_file
from expunge.tickets.models import Ticket
from expunge.tickets.reasons import (
    ExtensionReason,
    HoldReason,
    ReleaseReason,
    UnverifiedReason,
    WithdrawalReason,
)
from expunge.tickets.regimes import regime_named
from expunge.tickets.rules import RULES, Task, obstacle, today_at
from expunge.tickets.selectors import ticket_nodes
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move, ticket_note

__all__ = [
    "ticket_approve",
    "ticket_close_nothing_held",
    "ticket_close_unverified",
    "ticket_extend",
    "ticket_file",
    "ticket_hold",
    "ticket_identity_confirm",
    "ticket_reject",
    "ticket_release",
    "ticket_retry",
    "ticket_send_back",
    "ticket_submit",
    "ticket_withdraw",
]


@transaction.atomic
def ticket_identity_confirm(*, actor: Actor, ticket_id: UUID, text: str = "") -> Ticket:
    """Record that the person showed who they are; the ticket goes to review."""
    return _carry_out(Task.IDENTITY_CONFIRM, actor, ticket_id, text=text)


@transaction.atomic
def ticket_submit(*, actor: Actor, ticket_id: UUID, reason: str) -> Ticket:
    """Submit a reviewed ticket for approval; the actor becomes its reviewer.

    ``reason`` is the finding of the review, a text. Nobody reviews a ticket they filed.
    """
    ticket = _ticket_for(Task.SUBMIT, actor, ticket_id)
    return ticket_move(
        ticket=ticket,
        target=TicketState.AWAITING_APPROVAL,
        actor=actor,
        text=_text(reason),
        changes={"reviewer": actor.user},
    )


@transaction.atomic
def ticket_approve(*, actor: Actor, ticket_id: UUID, reason: str) -> Ticket:
    """Approve, as a person who neither filed nor reviewed the ticket; ``reason`` is a text."""
    ticket = _ticket_for(Task.APPROVE, actor, ticket_id)
    return ticket_move(
        ticket=ticket,
        target=TicketState.APPROVED,
        actor=actor,
        text=_text(reason),
        changes={"approver": actor.user},
    )


@transaction.atomic
def ticket_send_back(*, actor: Actor, ticket_id: UUID, reason: str) -> Ticket:
    """Send a submitted ticket back to review; ``reason`` is a text that says what is missing."""
    ticket = _ticket_for(Task.SEND_BACK, actor, ticket_id)
    return ticket_move(
        ticket=ticket,
        target=TicketState.UNDER_REVIEW,
        actor=actor,
        text=_text(reason),
        changes={"reviewer": None},
    )


@transaction.atomic
def ticket_reject(*, actor: Actor, ticket_id: UUID, reason: str, text: str) -> Ticket:
    """Refuse the request with a code of its regime's ``refusals`` and a text for the person."""
    ticket = _ticket_for(Task.REJECT, actor, ticket_id)
    codes = {refusal.code for refusal in regime_named(ticket.regime).refusals}
    return ticket_move(
        ticket=ticket,
        target=TicketState.REJECTED,
        actor=actor,
        reason=_code(reason, codes),
        text=_text(text),
    )


@transaction.atomic
def ticket_withdraw(*, actor: Actor, ticket_id: UUID, reason: str, text: str = "") -> Ticket:
    """End a request at the person's wish (:class:`WithdrawalReason`); running work is stopped."""
    code = _code(reason, WithdrawalReason.values)
    return _carry_out(Task.WITHDRAW, actor, ticket_id, reason=code, text=text)


@transaction.atomic
def ticket_hold(*, actor: Actor, ticket_id: UUID, reason: str, text: str) -> Ticket:
    """Place a legal hold (:class:`HoldReason`); ``text`` names authority and matter."""
    code = _code(reason, HoldReason.values)
    return _carry_out(Task.HOLD, actor, ticket_id, reason=code, text=_text(text))


@transaction.atomic
def ticket_release(*, actor: Actor, ticket_id: UUID, reason: str, text: str) -> Ticket:
    """Release the hold (:class:`ReleaseReason`); the ticket resumes where it stood."""
    code = _code(reason, ReleaseReason.values)
    return _carry_out(Task.RELEASE, actor, ticket_id, reason=code, text=_text(text))


@transaction.atomic
def ticket_retry(*, actor: Actor, ticket_id: UUID, text: str = "") -> Ticket:
    """Set a ticket whose verification failed to work again."""
    return _carry_out(Task.RETRY, actor, ticket_id, text=text)


@transaction.atomic
def ticket_close_unverified(*, actor: Actor, ticket_id: UUID, reason: str, text: str) -> Ticket:
    """Close a ticket honestly as not verified (:class:`UnverifiedReason`)."""
    code = _code(reason, UnverifiedReason.values)
    return _carry_out(Task.CLOSE_UNVERIFIED, actor, ticket_id, reason=code, text=_text(text))


@transaction.atomic
def ticket_extend(*, actor: Actor, ticket_id: UUID, reason: str, text: str) -> Ticket:
    """Extend the deadline once, inside the first period (:class:`ExtensionReason`).

    ``text`` is what the person is told.

    Raises:
        ConflictError: ``already_extended``, ``extension_too_late``, ``ticket_state``.
    """
    ticket = _ticket_for(Task.EXTEND, actor, ticket_id)
    code, words = _code(reason, ExtensionReason.values), _text(text)
    rule = regime_named(ticket.regime).clock(ticket.ground)
    clock = extended(Deadline(**ticket.clock), rule, on=today_at(ticket), reason=code)
    ticket.clock = clock.to_json()
    ticket.due_on = date.fromisoformat(clock.due)
    ticket.save(update_fields=["clock", "due_on"])
    ticket_note(ticket=ticket, actor=actor, reason=code, text=words)
    audit_record(
        action=AuditAction.TICKET_EXTENDED,
        actor=actor.pseudonym,
        controller_id=ticket.controller_id,
        subject={"ticket": str(ticket.pk)},
        data={"reason": code, "due_on": clock.due},
    )
    return ticket


@transaction.atomic
def ticket_close_nothing_held(*, actor: Actor, ticket_id: UUID) -> Ticket:
    """Close an approved ticket whose scope no model version holds, with that outcome.

    Raises:
        ConflictError: ``still_held``, a version holds some of it; ``ticket_move_refused``.
    """
    ticket = _ticket_locked(actor, ticket_id)
    actor.require(Permission.JOB_OPERATE, ticket.controller_id)
    if ticket.state != TicketState.APPROVED:
        raise ConflictError("ticket_state", "Only an approved ticket can end with this outcome.")
    if versions_touched(ticket_nodes(ticket)):
        raise ConflictError(
            "still_held", "A model version was trained on this data, so there is work to do."
        )
    return ticket_move(ticket=ticket, target=TicketState.CLOSED, actor=actor, reason="nothing_held")


def _carry_out(
    task: Task, actor: Actor, ticket_id: UUID, *, reason: str = "", text: str = ""
) -> Ticket:
    ticket = _ticket_for(task, actor, ticket_id)
    return ticket_move(
        ticket=ticket, target=_target(task, ticket), actor=actor, reason=reason, text=text
    )


def _target(task: Task, ticket: Ticket) -> TicketState:
    return RULES[task].target or TicketState(ticket.held_from)


def _ticket_for(task: Task, actor: Actor, ticket_id: UUID) -> Ticket:
    ticket = _ticket_locked(actor, ticket_id)
    error = obstacle(task, actor, ticket)
    if error is not None:
        raise error
    return ticket


def _ticket_locked(actor: Actor, ticket_id: UUID) -> Ticket:
    ticket = (
        Ticket.objects.select_for_update(of=("self",))
        .select_related("controller")
        .filter(pk=ticket_id, controller_id__in=actor.controllers(Permission.TICKET_VIEW))
        .first()
    )
    if ticket is None:
        raise NotFoundError("ticket_unknown", "There is no such ticket for you.")
    return ticket


def _code(reason: str, known: Collection[str]) -> str:
    if reason not in known:
        raise InvalidInputError(
            "reason_unknown", f"Give a reason: one of {', '.join(sorted(known))}.", field="reason"
        )
    return str(reason)


def _text(text: str) -> str:
    if not text.strip():
        raise InvalidInputError("text_missing", "Say why, in a sentence or two.", field="text")
    return text.strip()
