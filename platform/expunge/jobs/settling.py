"""From the ends of a ticket's jobs to the ticket's own next state."""

from __future__ import annotations

from django.db import transaction

from expunge.jobs import queue
from expunge.jobs.ladder import explain, is_open, step_of
from expunge.jobs.moves import WORKER
from expunge.jobs.states import JobState
from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move


@transaction.atomic
def ticket_settle(*, ticket: Ticket) -> None:
    """Move a ticket on when all of its jobs are over: verified, or visibly not verified.

    The caller holds the ticket's row.
    """
    if ticket.state != TicketState.IN_PROGRESS:
        return
    jobs = list(ticket.jobs.select_related("original"))
    for job in jobs:
        job.ticket = ticket
    if any(is_open(job) for job in jobs):
        return
    if all(job.state == JobState.PASSED for job in jobs):
        ticket_move(ticket=ticket, target=TicketState.VERIFIED, actor=WORKER)
        queue.enqueue_on_commit(queue.TICKET_CERTIFY, ticket.pk)
        return
    failed = next(job for job in jobs if job.state != JobState.PASSED)
    step = step_of(failed)
    cancelled = failed.state == JobState.CANCELLED
    ticket_move(
        ticket=ticket,
        target=TicketState.VERIFICATION_FAILED,
        actor=WORKER,
        reason="cancelled" if cancelled else step.code,
        text="A person cancelled the erasure." if cancelled else explain(failed, step),
    )
