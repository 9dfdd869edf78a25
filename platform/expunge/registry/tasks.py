"""The Celery task of the registry."""

from __future__ import annotations

from celery import shared_task

from expunge.registry.ledger import suppression_expire


@shared_task(name="expunge.registry.tasks.suppression_forget", acks_late=False)
def suppression_forget() -> None:
    """Forget entries of the suppression ledger that are older than configured."""
    suppression_expire()
