"""What happens to a ticket's clock: it is extended, it stands still, it goes on."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.db import transaction

from expunge.accounts.permissions import Actor
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.tickets.checks import code_given, text_given, ticket_for
from expunge.tickets.clocks import Deadline, extended, may_pause, paused, resumed
from expunge.tickets.correspondence import Told, tell_extended
from expunge.tickets.law import ClockRule
from expunge.tickets.models import Ticket
from expunge.tickets.reasons import ExtensionReason, ResumptionReason
from expunge.tickets.regimes import regime_named
from expunge.tickets.rules import Task, today_at
from expunge.tickets.transitions import ticket_note

IDENTITY = "identity"


@transaction.atomic
def ticket_extend(*, actor: Actor, ticket_id: UUID, reason: str, text: str) -> Ticket:
    """Extend the deadline once, inside the first period (:class:`ExtensionReason`).

    ``text`` is what the person is told.

    Raises:
        ConflictError: ``already_extended``, ``extension_too_late``, ``ticket_state``.
    """
    ticket = ticket_for(Task.EXTEND, actor, ticket_id)
    code, words = code_given(reason, ExtensionReason.values), text_given(text)
    clock = extended(Deadline(**ticket.clock), _rule(ticket), on=today_at(ticket), reason=code)
    _store(ticket, clock)
    ticket_note(ticket=ticket, actor=actor, reason=code, text=words)
    tell_extended(ticket, Told(code, words))
    _audit(AuditAction.TICKET_EXTENDED, ticket, actor, reason=code)
    return ticket


@transaction.atomic
def ticket_clock_pause(*, actor: Actor, ticket_id: UUID, reason: str, text: str) -> Ticket:
    """Let the clock stand still from today, for a reason its law knows; ``text`` says why.

    Raises:
        ConflictError: ``pause_unknown``, ``pause_too_late``, ``clock_stands_still``.
    """
    ticket = ticket_for(Task.PAUSE_CLOCK, actor, ticket_id)
    code = code_given(reason, {rule.reason for rule in _rule(ticket).pauses})
    words = text_given(text)
    clock_pause(ticket=ticket, actor=actor, reason=code, text=words)
    return ticket


@transaction.atomic
def ticket_clock_resume(*, actor: Actor, ticket_id: UUID, reason: str, text: str = "") -> Ticket:
    """Let a clock that stands still go on, from today (:class:`ResumptionReason`)."""
    ticket = ticket_for(Task.RESUME_CLOCK, actor, ticket_id)
    code = code_given(reason, ResumptionReason.values)
    clock_resume(ticket=ticket, actor=actor, reason=code, text=text)
    return ticket


def clock_pause(*, ticket: Ticket, actor: Actor, reason: str = IDENTITY, text: str = "") -> bool:
    """Let the clock stand still if the ticket's law allows it now, and say whether it does.

    For whoever asks the person for something, in the same transaction and with the ticket
    locked: under a law whose clock runs on, or when the question comes late, nothing happens.
    """
    rule, today = _rule(ticket).pause(reason), today_at(ticket)
    stored = Deadline(**ticket.clock)
    if rule is None or stored.paused_since or not may_pause(stored, rule, on=today):
        return False
    _store(ticket, paused(stored, rule, on=today))
    ticket_note(ticket=ticket, actor=actor, reason=f"paused_{reason}", text=text)
    _audit(AuditAction.TICKET_CLOCK_PAUSED, ticket, actor, reason=reason)
    return True


def clock_resume(*, ticket: Ticket, actor: Actor, reason: str = "answered", text: str = "") -> bool:
    """Let the clock go on if it stands still, and say whether it did; see :func:`clock_pause`."""
    stored = Deadline(**ticket.clock)
    if stored.paused_since is None:
        return False
    _store(ticket, resumed(stored, _rule(ticket), on=today_at(ticket)))
    ticket_note(ticket=ticket, actor=actor, reason=f"resumed_{reason}", text=text)
    _audit(AuditAction.TICKET_CLOCK_RESUMED, ticket, actor, reason=reason)
    return True


def _rule(ticket: Ticket) -> ClockRule:
    return regime_named(ticket.regime).clock(ticket.ground)


def _store(ticket: Ticket, clock: Deadline) -> None:
    ticket.clock = clock.to_json()
    ticket.due_on = date.fromisoformat(clock.due)
    ticket.paused_since = clock.paused_since
    ticket.save(update_fields=["clock", "due_on", "paused_since"])


def _audit(action: AuditAction, ticket: Ticket, actor: Actor, *, reason: str) -> None:
    audit_record(
        action=action,
        actor=actor.pseudonym,
        controller_id=ticket.controller_id,
        subject={"ticket": str(ticket.pk)},
        data={"reason": reason, "due_on": ticket.due_on.isoformat()},
    )
