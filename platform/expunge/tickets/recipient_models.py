"""Those to whom models or data were disclosed, and what each was told of an erasure."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from expunge.accounts.models import Controller, User
from expunge.common.fields import EncryptedTextField
from expunge.common.models import BaseModel
from expunge.notices.kinds import Language
from expunge.notices.models import WebhookEndpoint
from expunge.registry.models import Dataset, Model
from expunge.tickets.reasons import RecipientExcuse, RecipientRole


class Recipient(BaseModel):
    """Somebody to whom models or data of a controller were disclosed (GDPR Art. 19).

    ``received`` models and ``datasets`` are what they received. ``endpoint`` is told by webhook
    besides.
    """

    controller = models.ForeignKey(Controller, on_delete=models.CASCADE, related_name="recipients")
    name = models.CharField(max_length=200)
    role = models.CharField(max_length=12, choices=RecipientRole.choices)
    contact = EncryptedTextField()
    language = models.CharField(max_length=5, choices=Language.choices, default=Language.ENGLISH)
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.SET_NULL, null=True, related_name="recipients"
    )
    received = models.ManyToManyField(Model, related_name="recipients")
    datasets = models.ManyToManyField(Dataset, related_name="recipients")
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["controller", "name"], name="recipient_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class RecipientNotice(BaseModel):
    """One recipient told of one erasure: when, and what they answered, or why they were not.

    ``digest`` belongs to the secret link by which the recipient acknowledges. ``excuse_text`` is
    why telling them is impossible or a disproportionate effort.
    """

    ticket = models.ForeignKey(
        "tickets.Ticket", on_delete=models.CASCADE, related_name="recipient_notices"
    )
    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="notices")
    concerned = ArrayField(models.CharField(max_length=200))
    digest = models.BinaryField(max_length=32, unique=True)
    notified_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    excuse = models.CharField(max_length=20, choices=RecipientExcuse.choices, blank=True)
    excuse_text = EncryptedTextField(null=True)
    excused_at = models.DateTimeField(null=True)
    excused_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering: ClassVar = ["created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ticket", "recipient"], name="recipient_told_once"),
            models.CheckConstraint(
                condition=models.Q(excuse="", excuse_text__isnull=True, excused_at__isnull=True)
                | models.Q(excuse_text__isnull=False, excused_at__isnull=False),
                name="an_excuse_has_a_text",
            ),
        ]
