"""What the work does when a ticket moves."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from expunge.jobs import queue
from expunge.jobs.models import ErasureJob
from expunge.jobs.services import jobs_stop
from expunge.jobs.states import JobState
from expunge.tickets.signals import ticket_moved
from expunge.tickets.states import TicketState

STARTS = frozenset({TicketState.APPROVED, TicketState.IN_PROGRESS})


@receiver(ticket_moved)
def follow_ticket(*, ticket_id: UUID, target: TicketState, **_: Any) -> None:
    """Start the work when a ticket is approved or resumed; stop it when it was taken away."""
    if target in STARTS:
        queue.enqueue(queue.TICKET_START, ticket_id)
    elif ErasureJob.objects.filter(
        ticket_id=ticket_id, state__in=[JobState.PLANNED, JobState.RUNNING]
    ).exists():
        jobs_stop(ticket_id=ticket_id)
