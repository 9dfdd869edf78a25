"""What the API does by the clock."""

from __future__ import annotations

from celery import shared_task

from expunge.api import idempotency


@shared_task(name="expunge.api.tasks.claims_expire", acks_late=False)
def claims_expire() -> None:
    """Remove the answers that are no longer kept."""
    idempotency.claims_expire()
