"""Bundles for deployers, who fetched them, and whether one outlives its ticket."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from expunge.accounts.models import Controller, User
from expunge.common.fields import EncryptedTextField
from expunge.common.models import BaseModel, ImmutableModel
from expunge.registry.models import ModelVersion
from expunge.tickets.models import Ticket


class WithdrawReason(models.TextChoices):
    """Why a bundle is no longer to be applied."""

    CERTIFIED = "certified", _("The erasure is certified")
    ENDED = "ended", _("The ticket ended")
    LIFTED = "lifted", _("A person lifted it")
    SUPERSEDED = "superseded", _("A fuller bundle took its place")


class ChoiceReason(models.TextChoices):
    """Why containment outlives an unverified ticket, or does not."""

    PROTECTS = "protects", _("Restriction protects the person")
    PERSON_ASKED = "person_asked", _("The person asked for it")
    MODEL_RETIRED = "model_retired", _("The model is no longer served")
    HARMS_OTHERS = "harms_others", _("It keeps too much from others")


class ContainmentBundle(BaseModel):
    """A signed bundle for one ticket and one model version.

    ``document`` is the signed JSON, encrypted at rest: digests and their key. It is erased when
    the bundle is withdrawn; the row and the digest of the document stay. ``complete`` is false
    when only names are in it, because the records could not be read.
    """

    controller = models.ForeignKey(Controller, on_delete=models.PROTECT, related_name="+")
    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="bundles")
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="bundles"
    )
    document = EncryptedTextField(null=True)
    digest = models.CharField(max_length=71)
    names = models.PositiveIntegerField()
    answers = models.PositiveIntegerField()
    complete = models.BooleanField()
    withdrawn_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=12, choices=WithdrawReason.choices, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["ticket", "model_version"],
                condition=Q(withdrawn_at__isnull=True),
                name="bundle_active_once",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True) ^ Q(document__isnull=True),
                name="a_withdrawn_bundle_is_empty",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["controller", "created_at"], name="bundle_list")]


class ContainmentFetch(BaseModel):
    """When somebody last fetched a bundle."""

    bundle = models.ForeignKey(ContainmentBundle, on_delete=models.CASCADE, related_name="fetches")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    fetched_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-fetched_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["bundle", "user"], name="fetch_once"),
        ]


class ContainmentChoice(ImmutableModel):
    """Whether containment outlives a ticket that ends without verification; the last one counts.

    Without a ``user`` it is the platform's own choice: to keep it.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="containment_choices")
    keep = models.BooleanField()
    reason = models.CharField(max_length=16, choices=ChoiceReason.choices)
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering: ClassVar = ["-created_at"]
