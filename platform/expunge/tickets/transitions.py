"""The only place that writes the state of a ticket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import now
from expunge.common.errors import ConflictError
from expunge.tickets.correspondence import Told, person_of, tell_moved
from expunge.tickets.coverage import holds_over
from expunge.tickets.models import Outcome, Ticket, TicketMove
from expunge.tickets.payload import key_create, shred, text_encrypt, ticket_key
from expunge.tickets.signals import ticket_moved
from expunge.tickets.states import HOLDABLE, TERMINAL, TicketState, may_move

OUTCOMES: Mapping[TicketState, Outcome] = {
    TicketState.CERTIFIED: Outcome.CERTIFIED,
    TicketState.VERIFICATION_FAILED: Outcome.NOT_VERIFIED,
    TicketState.CONTAINED: Outcome.NOT_VERIFIED,
    TicketState.APPROVED: Outcome.NOTHING_HELD,
}
"""What a ticket ended in, by the state it is closed from. Nobody can choose another, but for an
approved ticket, which may also end because all that models hold is exempt."""
HOLDER = Actor(system="legal-hold")
"""The platform itself, when a ticket runs into a hold that was placed before."""


@dataclass(frozen=True)
class Why:
    """The reason of a decision: a ``code``, which the audit log keeps, and a personal ``text``."""

    code: str = ""
    text: str = field(default="", repr=False)


@transaction.atomic
def ticket_move(  # noqa: PLR0913 - the one door holds everything that belongs to a move
    *,
    ticket: Ticket,
    target: TicketState,
    actor: Actor,
    reason: str = "",
    text: str = "",
    changes: Mapping[str, Any] | None = None,
) -> Ticket:
    """Move a ticket, all or nothing: table, row, history, audit leaf, and the end of its key.

    ``reason`` is a code and goes into the audit log; ``text`` may be personal and is encrypted
    under the ticket's key. ``changes`` are further columns to set with the move. The signal
    :data:`ticket_moved` follows the commit. Permissions are the caller's.

    A ticket that reaches a state in which an active legal hold covers it goes on hold at once:
    what is returned may stand ``on_hold``. A ticket that leaves its end gets a new key.

    Raises:
        ConflictError: ``ticket_move_refused``, the table has no such move;
            ``ticket_moved_meanwhile``, someone was faster.
    """
    source = TicketState(ticket.state)
    _check(ticket, source, target)
    # Read before the row changes: an end empties the payload, and only ends are told the person.
    person = person_of(ticket) if target in TERMINAL else None
    columns = {**(changes or {}), "state": str(target), **_consequences(source, target, reason)}
    if Ticket.objects.filter(pk=ticket.pk, state=source).update(**columns) != 1:
        raise ConflictError(
            "ticket_moved_meanwhile", _("Someone moved this ticket just now. Look at it again.")
        )
    for name, value in columns.items():
        setattr(ticket, name, value)
    if source in TERMINAL:
        key_create(ticket)
    _history(ticket, source, actor, Why(reason, text))
    tell_moved(ticket, source, person, Told(reason, text))
    moved = {"from": str(source), "to": str(target), "reason": reason}
    _audit(AuditAction.TICKET_MOVED, ticket, actor, {**moved, "outcome": str(ticket.outcome)})
    if target in TERMINAL:
        shred(ticket)
        _audit(AuditAction.TICKET_SHREDDED, ticket, actor, {})
    transaction.on_commit(
        partial(
            ticket_moved.send_robust,
            sender=Ticket,
            ticket_id=ticket.pk,
            source=source,
            target=target,
        )
    )
    return _held(ticket) if target in HOLDABLE else ticket


def ticket_note(*, ticket: Ticket, actor: Actor, reason: str, text: str) -> None:
    """Add to a ticket's history what happened without a move (an extension, say)."""
    _history(ticket, TicketState(ticket.state), actor, Why(reason, text))


def _check(ticket: Ticket, source: TicketState, target: TicketState) -> None:
    resumes_elsewhere = source is TicketState.ON_HOLD and target != ticket.held_from
    was_certified = ticket.outcome == Outcome.CERTIFIED
    stays_closed = source is TicketState.CLOSED and not was_certified
    if resumes_elsewhere or stays_closed or not may_move(source, target):
        raise ConflictError(
            "ticket_move_refused",
            _("A ticket that is '%(source)s' cannot become '%(target)s'.")
            % {"source": _words(source), "target": _words(target)},
        )


def _consequences(source: TicketState, target: TicketState, reason: str) -> dict[str, Any]:
    columns: dict[str, Any] = {"held_from": str(source) if target is TicketState.ON_HOLD else ""}
    if target in TERMINAL:
        columns |= {"ended_at": now(), "payload": b"", "paused_since": None}
    if target is TicketState.CLOSED:
        exempt = (source, reason) == (TicketState.APPROVED, Outcome.EXEMPT)
        columns |= {"outcome": str(Outcome.EXEMPT if exempt else OUTCOMES[source])}
    if source in TERMINAL:
        columns |= {"ended_at": None, "outcome": ""}
    return columns


def _held(ticket: Ticket) -> Ticket:
    """Put the ticket on hold if an active legal hold covers it; the row is locked by its move."""
    holds = holds_over(ticket)
    if not holds:
        return ticket
    return ticket_move(
        ticket=ticket, target=TicketState.ON_HOLD, actor=HOLDER, reason=holds[0].reason
    )


def _history(ticket: Ticket, source: TicketState, actor: Actor, why: Why) -> None:
    key = ticket_key(ticket) if why.text else None
    TicketMove.objects.create(
        ticket=ticket,
        source=source,
        target=ticket.state,
        actor=actor.pseudonym,
        user=actor.user,
        reason=why.code,
        text=text_encrypt(ticket, why.text, key) if key else None,
    )


def _audit(action: AuditAction, ticket: Ticket, actor: Actor, data: Mapping[str, str]) -> None:
    audit_record(
        action=action,
        actor=actor.pseudonym,
        controller_id=ticket.controller_id,
        subject={"ticket": str(ticket.pk)},
        data=data,
    )


def _words(state: TicketState) -> str:
    return _(state.replace("_", " "))
