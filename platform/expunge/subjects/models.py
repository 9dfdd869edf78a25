"""Identity checks, duplicates, intake requests and secret links.

What is personal lies under the key of its ticket or of its intake request, and goes with it.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from expunge.accounts.models import Controller, User
from expunge.common.models import BaseModel, ImmutableModel
from expunge.subjects.kinds import (
    DeclineReason,
    Evidence,
    IndexKind,
    IntakeStanding,
    Level,
    Method,
    Standing,
)
from expunge.tickets.models import Ticket, TicketKey


class IdentityCheck(BaseModel):
    """One way in which a person was asked to show, or showed, who they are.

    ``digest`` is the keyed digest of a mailed code. ``reference`` says where evidence was seen
    or under which number an agent attested; it is encrypted under the ticket's key.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="identity_checks")
    method = models.CharField(max_length=20, choices=Method.choices)
    level = models.CharField(max_length=12, choices=Level.choices)
    standing = models.CharField(max_length=10, choices=Standing.choices)
    evidence = models.CharField(max_length=20, choices=Evidence.choices, blank=True)
    reference = models.BinaryField(null=True)
    checked_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    digest = models.BinaryField(max_length=32, null=True)
    expires_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["ticket"],
                condition=models.Q(standing=Standing.ASKED),
                name="one_code_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(standing=Standing.ASKED) | models.Q(digest__isnull=True),
                name="a_used_code_leaves_no_digest",
            ),
        ]


class IdentityReminder(ImmutableModel):
    """A person was told that their ticket ends soon unless they show who they are."""

    ticket = models.OneToOneField(
        Ticket, on_delete=models.CASCADE, related_name="identity_reminder"
    )


class SubjectIndex(BaseModel):
    """A blind index of who a ticket is about. It hangs on the ticket's key and goes with it."""

    key = models.ForeignKey(TicketKey, on_delete=models.CASCADE, related_name="subject_indexes")
    controller = models.ForeignKey(Controller, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=IndexKind.choices)
    digest = models.BinaryField(max_length=32)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key", "kind"], name="index_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["controller", "digest"], name="index_match")]


class TicketDuplicate(ImmutableModel):
    """A ticket was withdrawn because another one, whose identity is shown, covers it."""

    ticket = models.OneToOneField(Ticket, on_delete=models.CASCADE, related_name="duplicate_of")
    survivor = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="duplicates")
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")


class IntakeRequest(BaseModel):
    """What a person asked for through the public form, until somebody makes a ticket of it.

    ``payload`` is encrypted under the request's own key. ``shown_at`` is when the person entered
    the code that was mailed to them: the address is theirs.
    """

    controller = models.ForeignKey(Controller, on_delete=models.CASCADE, related_name="intakes")
    reference = models.CharField(max_length=20, unique=True)
    regime = models.CharField(max_length=10)
    standing = models.CharField(
        max_length=10, choices=IntakeStanding.choices, default=IntakeStanding.WAITING
    )
    received_at = models.DateTimeField()
    due_on = models.DateField()
    language = models.CharField(max_length=5, default="en")
    payload = models.BinaryField()
    code_digest = models.BinaryField(max_length=32, null=True)
    code_expires_at = models.DateTimeField(null=True)
    code_tries = models.PositiveSmallIntegerField(default=0)
    code_sends = models.PositiveSmallIntegerField(default=0)
    shown_at = models.DateTimeField(null=True)
    ticket = models.OneToOneField(
        Ticket, on_delete=models.SET_NULL, null=True, related_name="intake"
    )
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=20, choices=DeclineReason.choices, blank=True)

    class Meta:
        ordering: ClassVar = ["received_at"]
        indexes: ClassVar = [
            models.Index(fields=["controller", "standing", "received_at"], name="intake_queue"),
        ]

    def __str__(self) -> str:
        return self.reference


class IntakeKey(BaseModel):
    """The data key of one intake request, wrapped by the master key."""

    intake = models.OneToOneField(IntakeRequest, on_delete=models.CASCADE, related_name="key")
    wrapped = models.BinaryField()


class StatusLink(BaseModel):
    """A secret link to the status page of one ticket or intake request; only its digest is kept."""

    controller = models.ForeignKey(Controller, on_delete=models.CASCADE, related_name="+")
    ticket = models.ForeignKey(
        Ticket, on_delete=models.CASCADE, null=True, related_name="status_links"
    )
    intake = models.ForeignKey(
        IntakeRequest, on_delete=models.CASCADE, null=True, related_name="status_links"
    )
    digest = models.BinaryField(max_length=32, unique=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(ticket__isnull=False) | models.Q(intake__isnull=False),
                name="a_link_leads_somewhere",
            ),
        ]


class LabelShredding(ImmutableModel):
    """The names of a certified ticket's scope were taken out of the registry's trees.

    A ticket that was taken up again is certified anew, and has a row for each time.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="label_shreddings")
    nodes = models.PositiveIntegerField()
