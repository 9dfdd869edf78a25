"""How long the outbox remembers.

A letter's text goes when it is sent. One that failed keeps its text for a while, so that a
person can correct and repeat it, then loses it too. A letter to be sent by hand keeps its text
until it is sent. Rows without text are deleted after the retention of the metadata.
"""

from __future__ import annotations

from datetime import timedelta

from expunge.common.clock import now
from expunge.notices.models import Notice, OutboxState, WebhookDelivery, WebhookEvent

FAILED_TEXT = timedelta(days=14)
METADATA = timedelta(days=730)
DELIVERIES = timedelta(days=90)
ERASED: dict[str, None] = {"recipient": None, "subject": None, "body": None}
OVER = (OutboxState.SENT, OutboxState.FAILED, OutboxState.CANCELLED)


def outbox_forget() -> None:
    """Erase the texts of letters that failed long ago; delete rows past their retention."""
    moment = now()
    Notice.objects.filter(
        state=OutboxState.FAILED, ended_at__lt=moment - FAILED_TEXT, recipient__isnull=False
    ).update(**ERASED)
    Notice.objects.filter(state__in=OVER, ended_at__lt=moment - METADATA).delete()
    WebhookDelivery.objects.filter(state__in=OVER, ended_at__lt=moment - DELIVERIES).delete()
    WebhookEvent.objects.filter(
        created_at__lt=moment - DELIVERIES, deliveries__isnull=True
    ).delete()
