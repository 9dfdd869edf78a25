"""How the platform itself ends a ticket, and how it takes a certified one up again."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.accounts.selectors import policy_of
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import local_date
from expunge.common.errors import ConflictError, NotAllowedError
from expunge.registry.selectors import versions_touched
from expunge.tickets.checks import code_given, ticket_locked
from expunge.tickets.clocks import Establishment, deadline
from expunge.tickets.exemptions import nodes_to_erase
from expunge.tickets.models import Outcome, Ticket
from expunge.tickets.reasons import ReopeningReason
from expunge.tickets.regimes import regime_named
from expunge.tickets.rules import today_at
from expunge.tickets.selectors import ticket_nodes
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move


@transaction.atomic
def ticket_close_nothing_held(*, actor: Actor, ticket_id: UUID) -> Ticket:
    """Close an approved ticket of whose scope no model version holds what must be erased.

    The outcome says whether models hold nothing of it, or only what is exempt.

    Raises:
        ConflictError: ``still_held``, a version holds some of it; ``ticket_state``.
    """
    ticket = ticket_locked(actor, ticket_id)
    actor.require(Permission.JOB_OPERATE, ticket.controller_id)
    if ticket.state != TicketState.APPROVED:
        raise ConflictError("ticket_state", _("Only an approved ticket can end with this outcome."))
    if versions_touched(nodes_to_erase(ticket)):
        raise ConflictError(
            "still_held", _("A model version was trained on this data, so there is work to do.")
        )
    held = bool(versions_touched(ticket_nodes(ticket)))
    outcome = Outcome.EXEMPT if held else Outcome.NOTHING_HELD
    return ticket_move(ticket=ticket, target=TicketState.CLOSED, actor=actor, reason=outcome.value)


@transaction.atomic
def ticket_expire(*, actor: Actor, ticket_id: UUID) -> Ticket:
    """End a request whose person did not show who they are in time; only the platform does.

    Raises:
        NotAllowedError: ``platform_only``.
        ConflictError: ``ticket_state``, ``identity_time_left``.
    """
    ticket = _for_platform(actor, ticket_id)
    if ticket.state != TicketState.IDENTITY_PENDING:
        raise ConflictError("ticket_state", _("Only a ticket that waits for the identity expires."))
    if today_at(ticket) <= _received_on(ticket) + identity_time(ticket):
        raise ConflictError(
            "identity_time_left", _("The person still has time to show who they are.")
        )
    return ticket_move(
        ticket=ticket, target=TicketState.EXPIRED, actor=actor, reason="identity_not_shown"
    )


def identity_time(ticket: Ticket) -> timedelta:
    """Return how long the person has to show who they are: what law or organisation gives."""
    given = policy_of(ticket.controller_id).identity_expiry_days
    return timedelta(days=max(given, regime_named(ticket.regime).identity_days))


def tickets_without_identity() -> QuerySet[Ticket]:
    """Return the tickets that wait for the identity, the oldest first: some may expire."""
    return (
        Ticket.objects.filter(state=TicketState.IDENTITY_PENDING)
        .select_related("controller")
        .order_by("received_at")
    )


@transaction.atomic
def ticket_reopen(*, actor: Actor, ticket_id: UUID, reason: str) -> Ticket:
    """Take a certified deletion up again (:class:`ReopeningReason`); only the platform does.

    The ticket gets a new key, no payload, no outcome, and a clock that runs from today. It comes
    back in progress, or on hold when a legal hold covers it.

    Raises:
        NotAllowedError: ``platform_only``.
        ConflictError: ``ticket_state``, ``ticket_purged``.
    """
    ticket = _for_platform(actor, ticket_id)
    code = code_given(reason, ReopeningReason.values)
    if (ticket.state, ticket.outcome) != (TicketState.CLOSED, Outcome.CERTIFIED):
        raise ConflictError("ticket_state", _("Only a certified deletion is taken up again."))
    if ticket.purged_at:
        raise ConflictError(
            "ticket_purged",
            _("What the ticket was about is deleted. File a new ticket for the person."),
        )
    owner = ticket.controller
    place = Establishment(owner.country, owner.subdivision, owner.time_zone)
    rule = regime_named(ticket.regime).clock(ticket.ground)
    clock = deadline(rule, today_at(ticket), place, counted_from=code)
    reopened = ticket_move(
        ticket=ticket,
        target=TicketState.IN_PROGRESS,
        actor=actor,
        reason=code,
        changes={"clock": clock.to_json(), "due_on": clock.due},
    )
    reopened.refresh_from_db(fields=["due_on"])
    audit_record(
        action=AuditAction.TICKET_REOPENED,
        actor=actor.pseudonym,
        controller_id=ticket.controller_id,
        subject={"ticket": str(ticket.pk)},
        data={"reason": code, "rule": clock.rule, "due_on": clock.due},
    )
    return reopened


def _for_platform(actor: Actor, ticket_id: UUID) -> Ticket:
    if actor.user is not None or not actor.system:
        raise NotAllowedError(
            "platform_only", _("The platform does this by itself, when it is due.")
        )
    return ticket_locked(actor, ticket_id)


def _received_on(ticket: Ticket) -> date:
    return local_date(ticket.received_at, ticket.controller.time_zone)
