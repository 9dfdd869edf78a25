"""What waits for a person, and what runs out of time: the lists of the dashboard."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q, QuerySet

from expunge.accounts.permissions import Actor, Permission
from expunge.common import clock
from expunge.tickets.models import Ticket
from expunge.tickets.selectors import tickets_visible
from expunge.tickets.states import TERMINAL, TicketState

DUE_SOON = timedelta(days=7)
S = TicketState


def tickets_waiting_for(actor: Actor) -> QuerySet[Ticket]:
    """Return the tickets whose next step this person can take, the most urgent first.

    The same conditions as in :mod:`expunge.tickets.rules`, as one query.
    """
    review = Q(controller_id__in=actor.controllers(Permission.TICKET_REVIEW))
    approve = Q(controller_id__in=actor.controllers(Permission.TICKET_APPROVE))
    operate = Q(controller_id__in=actor.controllers(Permission.JOB_OPERATE))
    mine, reviewed = Q(requester=actor.user), Q(reviewer=actor.user)
    waiting = (
        (review & Q(state=S.IDENTITY_PENDING))
        | (review & ~mine & Q(state=S.UNDER_REVIEW))
        | (approve & ~mine & ~reviewed & Q(state=S.AWAITING_APPROVAL))
        | ((review | operate) & Q(state__in=[S.VERIFICATION_FAILED, S.CONTAINED]))
    )
    # Said twice: by this PostgreSQL knows that the index of the open tickets is enough.
    still_open = tickets_visible(actor).exclude(state__in=TERMINAL)
    return still_open.filter(waiting).order_by("due_on", "received_at")


def tickets_overdue(actor: Actor) -> QuerySet[Ticket]:
    """Return the tickets past their deadline, the oldest deadline first."""
    return tickets_visible(actor, overdue=True).order_by("due_on", "received_at")


def tickets_due_soon(actor: Actor) -> QuerySet[Ticket]:
    """Return the open tickets due within the next days that are not overdue."""
    until = clock.now().date() + DUE_SOON
    return (
        tickets_visible(actor, overdue=False)
        .exclude(state__in=TERMINAL)
        .filter(due_on__lte=until)
        .order_by("due_on", "received_at")
    )


def tickets_failed(actor: Actor) -> QuerySet[Ticket]:
    """Return the tickets whose verification failed and that nobody has closed."""
    return tickets_visible(actor, state=S.VERIFICATION_FAILED).order_by("due_on")


def tickets_running(actor: Actor) -> QuerySet[Ticket]:
    """Return the tickets at work: approved, in progress, or about to be certified."""
    at_work = [S.APPROVED, S.IN_PROGRESS, S.VERIFIED, S.CERTIFIED]
    return tickets_visible(actor).filter(state__in=at_work).order_by("due_on")
