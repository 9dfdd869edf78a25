"""The outbox: letters, events and their deliveries; endpoints; the wording of letters."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from expunge.accounts.models import Controller, User
from expunge.common.fields import EncryptedTextField
from expunge.common.models import BaseModel, ImmutableModel
from expunge.notices.kinds import EventKind, Language, NoticeKind


class OutboxState(models.TextChoices):
    """Where something that must leave the house stands."""

    QUEUED = "queued", _("Waiting")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")
    BY_HAND = "by_hand", _("To be sent by hand")
    CANCELLED = "cancelled", _("Cancelled")


class OutboxRow(BaseModel):
    """What every row of the outbox has: its state, its tries, and who holds it until when.

    A worker claims a row by one conditional update that sets ``claim`` and ``lease_until``, and
    only the holder of that claim writes the result. ``due_at`` is when it may be tried next.
    """

    state = models.CharField(max_length=10, choices=OutboxState.choices, default=OutboxState.QUEUED)
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    claim = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    error = models.CharField(max_length=60, blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Notice(OutboxRow):
    """A letter, written out in full when it was queued.

    Recipient and text are encrypted, and erased once the letter is sent or lapses; what stays
    says only that a letter of this kind went out, and when. ``message_id`` stays the same over
    all tries, so that a mail system can tell a repeated message.
    """

    controller = models.ForeignKey(Controller, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=30, choices=NoticeKind.choices)
    language = models.CharField(max_length=5, choices=Language.choices)
    ticket_id = models.UUIDField(null=True)
    message_id = models.CharField(max_length=200, unique=True)
    recipient = EncryptedTextField(null=True)
    subject = EncryptedTextField(null=True)
    body = EncryptedTextField(null=True)
    sent_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(state__in=OutboxState.values), name="notice_state_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state=OutboxState.SENT)
                | models.Q(recipient__isnull=True, subject__isnull=True, body__isnull=True),
                name="a_sent_notice_holds_nothing",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"],
                name="notice_due",
                condition=models.Q(state__in=[OutboxState.QUEUED, OutboxState.SENDING]),
            ),
            models.Index(fields=["controller", "-created_at"], name="notice_list"),
            models.Index(fields=["ticket_id"], name="notice_ticket"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class NoticeTemplate(ImmutableModel):
    """One state of the wording of a kind of letter; the highest number counts.

    A row with ``is_default`` says that the wording went back to the platform's own.
    """

    controller = models.ForeignKey(
        Controller, on_delete=models.CASCADE, related_name="notice_templates"
    )
    kind = models.CharField(max_length=30, choices=NoticeKind.choices)
    language = models.CharField(max_length=5, choices=Language.choices)
    number = models.PositiveIntegerField()
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField(blank=True)
    is_default = models.BooleanField(default=False)
    author = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering: ClassVar = ["controller", "kind", "language", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["controller", "kind", "language", "number"], name="template_once"
            ),
        ]


class WebhookEndpoint(BaseModel):
    """An address of a controller's own that is told what happens.

    ``old_secret`` also signs until ``old_until``, so that a secret can be changed without a
    gap. ``failing_since`` is the first failure after the last success.
    """

    controller = models.ForeignKey(
        Controller, on_delete=models.CASCADE, related_name="webhook_endpoints"
    )
    name = models.CharField(max_length=100)
    url = models.CharField(max_length=500)
    secret = EncryptedTextField()
    old_secret = EncryptedTextField(null=True)
    old_until = models.DateTimeField(null=True)
    kinds = ArrayField(models.CharField(max_length=40, choices=EventKind.choices))
    enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=30, blank=True)
    failing_since = models.DateTimeField(null=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class WebhookEvent(ImmutableModel):
    """Something that happened, as endpoints are told it: ids and codes, nothing personal."""

    controller = models.ForeignKey(Controller, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40, choices=EventKind.choices)
    occurred_at = models.DateTimeField()
    data = models.JSONField()

    class Meta:
        ordering: ClassVar = ["-created_at"]


class WebhookDelivery(OutboxRow):
    """One event on its way to one endpoint. The event's id is the ``webhook-id`` of every try."""

    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries"
    )
    event = models.ForeignKey(WebhookEvent, on_delete=models.CASCADE, related_name="deliveries")

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["endpoint", "event"], name="delivery_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=OutboxState.values), name="delivery_state_known"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"],
                name="delivery_due",
                condition=models.Q(state__in=[OutboxState.QUEUED, OutboxState.SENDING]),
            ),
            models.Index(fields=["endpoint", "-created_at"], name="delivery_list"),
        ]


class DeliveryTry(ImmutableModel):
    """One try to deliver: the answer's status and the time it took, nothing of its body."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="attempts")
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=60, blank=True)
    milliseconds = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar = ["created_at"]


def new_message_id(domain: str) -> str:
    """Return a fresh Message-ID (RFC 5322) of this platform's domain."""
    return f"<{uuid.uuid4()}@{domain}>"
