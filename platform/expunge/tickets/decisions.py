"""What people decide about a ticket. Each service asks the table of rules and moves the ticket."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from expunge.accounts.permissions import Actor
from expunge.tickets.checks import code_given, text_given, ticket_for
from expunge.tickets.deadlines import clock_resume
from expunge.tickets.exemptions import exemptions_check
from expunge.tickets.models import Ticket
from expunge.tickets.reasons import ContainmentReason, UnverifiedReason, WithdrawalReason
from expunge.tickets.regimes import regime_named
from expunge.tickets.rules import RULES, Task
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move


@transaction.atomic
def ticket_identity_confirm(*, actor: Actor, ticket_id: UUID, text: str = "") -> Ticket:
    """Record that the person showed who they are; the ticket goes to review, its clock goes on."""
    ticket = ticket_for(Task.IDENTITY_CONFIRM, actor, ticket_id)
    clock_resume(ticket=ticket, actor=actor)
    return ticket_move(ticket=ticket, target=TicketState.UNDER_REVIEW, actor=actor, text=text)


@transaction.atomic
def ticket_submit(*, actor: Actor, ticket_id: UUID, reason: str) -> Ticket:
    """Submit a reviewed ticket for approval; the actor becomes its reviewer.

    ``reason`` is the finding of the review, a text. Nobody reviews a ticket they filed, and
    a request of which everything is exempt is refused, not approved (``everything_exempt``).
    """
    ticket = ticket_for(Task.SUBMIT, actor, ticket_id)
    exemptions_check(ticket)
    clock_resume(ticket=ticket, actor=actor, reason="no_longer_needed")
    return ticket_move(
        ticket=ticket,
        target=TicketState.AWAITING_APPROVAL,
        actor=actor,
        text=text_given(reason),
        changes={"reviewer": actor.user},
    )


@transaction.atomic
def ticket_approve(*, actor: Actor, ticket_id: UUID, reason: str) -> Ticket:
    """Approve, as a person who neither filed nor reviewed the ticket; ``reason`` is a text."""
    ticket = ticket_for(Task.APPROVE, actor, ticket_id)
    return ticket_move(
        ticket=ticket,
        target=TicketState.APPROVED,
        actor=actor,
        text=text_given(reason),
        changes={"approver": actor.user},
    )


@transaction.atomic
def ticket_send_back(*, actor: Actor, ticket_id: UUID, reason: str) -> Ticket:
    """Send a submitted ticket back to review; ``reason`` is a text that says what is missing."""
    ticket = ticket_for(Task.SEND_BACK, actor, ticket_id)
    return ticket_move(
        ticket=ticket,
        target=TicketState.UNDER_REVIEW,
        actor=actor,
        text=text_given(reason),
        changes={"reviewer": None},
    )


@transaction.atomic
def ticket_reject(*, actor: Actor, ticket_id: UUID, reason: str, text: str) -> Ticket:
    """Refuse the request with a code of its regime's ``refusals`` and a text for the person."""
    ticket = ticket_for(Task.REJECT, actor, ticket_id)
    codes = {refusal.code for refusal in regime_named(ticket.regime).refusals}
    return ticket_move(
        ticket=ticket,
        target=TicketState.REJECTED,
        actor=actor,
        reason=code_given(reason, codes),
        text=text_given(text),
    )


@transaction.atomic
def ticket_withdraw(*, actor: Actor, ticket_id: UUID, reason: str, text: str = "") -> Ticket:
    """End a request at the person's wish (:class:`WithdrawalReason`); running work is stopped."""
    code = code_given(reason, WithdrawalReason.values)
    return _carry_out(Task.WITHDRAW, actor, ticket_id, reason=code, text=text)


@transaction.atomic
def ticket_retry(*, actor: Actor, ticket_id: UUID, text: str = "") -> Ticket:
    """Set a ticket whose verification failed to work again."""
    return _carry_out(Task.RETRY, actor, ticket_id, text=text)


@transaction.atomic
def ticket_contain(*, actor: Actor, ticket_id: UUID, reason: str, text: str) -> Ticket:
    """Leave it at suppressed answers for now (:class:`ContainmentReason`), as nothing was shown."""
    code = code_given(reason, ContainmentReason.values)
    return _carry_out(Task.CONTAIN, actor, ticket_id, reason=code, text=text_given(text))


@transaction.atomic
def ticket_close_unverified(*, actor: Actor, ticket_id: UUID, reason: str, text: str) -> Ticket:
    """Close a ticket honestly as not verified (:class:`UnverifiedReason`)."""
    code = code_given(reason, UnverifiedReason.values)
    return _carry_out(Task.CLOSE_UNVERIFIED, actor, ticket_id, reason=code, text=text_given(text))


def _carry_out(
    task: Task, actor: Actor, ticket_id: UUID, *, reason: str = "", text: str = ""
) -> Ticket:
    ticket = ticket_for(task, actor, ticket_id)
    target = RULES[task].target
    if target is None:
        raise TypeError(f"the task {task} has no fixed target")
    return ticket_move(ticket=ticket, target=target, actor=actor, reason=reason, text=text)
