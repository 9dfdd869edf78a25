"""Tickets, the key of each ticket, its scope and its moves."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from expunge.accounts.models import Controller, User
from expunge.common.models import BaseModel, ImmutableModel
from expunge.registry.models import ScopeNode
from expunge.tickets.states import TicketState


class Outcome(models.TextChoices):
    """What a closed ticket ended in."""

    CERTIFIED = "certified", "Verified and certified"
    NOT_VERIFIED = "not_verified", "Not verified"
    NOTHING_HELD = "nothing_held", "No model holds this data"


class Ticket(BaseModel):
    """A deletion request.

    ``payload`` is the person's data (who asks, how to reach them, what they wrote), encrypted
    under the ticket's own key; it is unreadable once the key is shredded. ``due_on`` is stored
    once, with the rule and inputs that gave it in ``clock``.
    """

    controller = models.ForeignKey(Controller, on_delete=models.PROTECT, related_name="tickets")
    reference = models.CharField(max_length=20, unique=True)
    state = models.CharField(max_length=20, default=TicketState.RECEIVED)
    held_from = models.CharField(max_length=20, blank=True)
    regime = models.CharField(max_length=10)
    ground = models.CharField(max_length=40)
    profile = models.CharField(max_length=40, default="erasure")
    received_at = models.DateTimeField()
    due_on = models.DateField()
    clock = models.JSONField()
    requester = models.ForeignKey(User, on_delete=models.PROTECT, related_name="tickets_filed")
    reviewer = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="tickets_reviewed"
    )
    approver = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="tickets_approved"
    )
    payload = models.BinaryField()
    outcome = models.CharField(max_length=20, choices=Outcome.choices, blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-received_at"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(state__in=[str(state) for state in TicketState]),
                name="ticket_state_known",
            ),
            models.CheckConstraint(
                condition=models.Q(approver__isnull=True)
                | (
                    ~models.Q(approver=models.F("reviewer"))
                    & ~models.Q(approver=models.F("requester"))
                ),
                name="a_second_person_approves",
            ),
            models.CheckConstraint(
                condition=models.Q(reviewer__isnull=True)
                | ~models.Q(reviewer=models.F("requester")),
                name="nobody_reviews_their_own",
            ),
            models.CheckConstraint(
                condition=models.Q(outcome="") | models.Q(state=TicketState.CLOSED),
                name="only_a_closed_ticket_has_an_outcome",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["controller", "state", "due_on"], name="ticket_worklist"),
        ]

    def __str__(self) -> str:
        return self.reference


class TicketKey(BaseModel):
    """The data key of one ticket, wrapped by the master key. Deleting the row shreds the data."""

    ticket = models.OneToOneField(Ticket, on_delete=models.CASCADE, related_name="key")
    wrapped = models.BinaryField()


class TicketScope(ImmutableModel):
    """One node of a dataset's tree that the ticket names: everything below it is in scope."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="scopes")
    node = models.ForeignKey(ScopeNode, on_delete=models.PROTECT, related_name="ticket_scopes")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ticket", "node"], name="scope_once"),
        ]


class TicketMove(ImmutableModel):
    """A move of a ticket: from where to where, by whom, with a coded reason and a text.

    ``text`` is encrypted under the ticket's key, like the payload.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="moves")
    source = models.CharField(max_length=20, blank=True)
    target = models.CharField(max_length=20)
    actor = models.CharField(max_length=80)
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True)
    reason = models.CharField(max_length=60, blank=True)
    text = models.BinaryField(null=True)

    class Meta:
        ordering: ClassVar = ["created_at"]
