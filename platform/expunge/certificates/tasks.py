"""The Celery tasks of the signing queue that are not about one ticket."""

from __future__ import annotations

from celery import shared_task

from expunge.certificates.publication import PUBLISH, status_is_due, status_publish


@shared_task(name=PUBLISH, acks_late=False)
def status_renew() -> None:
    """Publish a new status list when one is due."""
    if status_is_due():
        status_publish()
