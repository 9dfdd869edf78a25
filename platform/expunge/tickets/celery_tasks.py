"""What is done with tickets by the clock. The table of what people do is :mod:`tasks`."""

from __future__ import annotations

from celery import shared_task

from expunge.tickets.retention import retention_sweep


@shared_task(name="expunge.tickets.celery_tasks.retention", acks_late=False)
def retention() -> None:
    """Delete what is left of tickets whose retention is over."""
    retention_sweep()
