"""What the work does when a ticket moves, a hold changes, a version comes, an alert is raised.

Each of them is also found by the sweep, should the process die before it gets here.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models.signals import post_save
from django.dispatch import receiver

from expunge.jobs import queue
from expunge.jobs.comebacks import alert_answer
from expunge.jobs.models import ErasureJob
from expunge.jobs.services import jobs_stop, model_stop
from expunge.jobs.states import JobState
from expunge.registry.models import ModelVersion
from expunge.registry.signals import suppression_alerted
from expunge.tickets.holds import model_held
from expunge.tickets.signals import hold_changed, ticket_moved
from expunge.tickets.states import TicketState

STARTS = frozenset({TicketState.APPROVED, TicketState.IN_PROGRESS})
BEFORE = frozenset({TicketState.IDENTITY_PENDING, TicketState.UNDER_REVIEW})


@receiver(ticket_moved)
def follow_ticket(*, ticket_id: UUID, target: TicketState, **_: Any) -> None:
    """Start the work when a ticket is approved or resumed; stop it when it was taken away."""
    if target in STARTS:
        queue.enqueue(queue.TICKET_START, ticket_id)
    elif target is TicketState.CLOSED:
        queue.enqueue(queue.TICKET_CERTIFY, ticket_id)
    elif (
        target not in BEFORE
        and ErasureJob.objects.filter(
            ticket_id=ticket_id, state__in=[JobState.PLANNED, JobState.RUNNING]
        ).exists()
    ):
        jobs_stop(ticket_id=ticket_id)


@receiver(hold_changed)
def follow_hold(*, model_id: UUID | None, **_: Any) -> None:
    """Stop the run on a model that is held now; a release lets it go on."""
    if model_id is not None and model_held(model_id):
        model_stop(model_id=model_id)
    queue.enqueue(queue.RECLAIM)


@receiver(suppression_alerted)
def follow_alert(*, alert_id: UUID, **_: Any) -> None:
    """Answer an alert that someone who was erased came back."""
    alert_answer(alert_id=alert_id)


@receiver(post_save, sender=ModelVersion)
def follow_version(*, created: bool, **_: Any) -> None:
    """Have every earlier certified erasure checked on a new version, by whichever door it came."""
    if created:
        queue.enqueue_on_commit(queue.RECLAIM)
