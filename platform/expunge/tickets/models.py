"""Tickets, the key of each ticket, its scope and its moves."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

import expunge.tickets.recipient_models  # noqa: F401 - Django looks for an app's models here
from expunge.accounts.models import Controller, User
from expunge.common.fields import EncryptedTextField
from expunge.common.models import BaseModel, ImmutableModel
from expunge.registry.models import Dataset, Model, ScopeNode
from expunge.tickets.reasons import HoldReason, ReleaseReason
from expunge.tickets.states import TERMINAL, TicketState


class Outcome(models.TextChoices):
    """What a closed ticket ended in."""

    CERTIFIED = "certified", _("Verified and certified")
    NOT_VERIFIED = "not_verified", _("Not verified")
    NOTHING_HELD = "nothing_held", _("No model holds this data")
    EXEMPT = "exempt", _("What models hold is exempt")


class Ticket(BaseModel):
    """A deletion request.

    ``payload`` is the person's data (who asks, how to reach them, what they wrote), encrypted
    under the ticket's own key; it is unreadable once the key is shredded. ``due_on`` is stored
    once, with the rule and inputs that gave it in ``clock``; ``paused_since`` is the day on
    which the clock stopped, while it stands still. ``purged_at`` is when the retention of a
    ticket that had ended was over, and all but this row and the audit log was deleted.
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
    paused_since = models.DateField(null=True)
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
    purged_at = models.DateTimeField(null=True)

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
            models.Index(fields=["controller", "received_at", "id"], name="ticket_by_receipt"),
            models.Index(fields=["controller", "due_on", "id"], name="ticket_by_deadline"),
            models.Index(fields=["controller", "ended_at"], name="ticket_by_end"),
            models.Index(
                fields=["controller", "due_on", "received_at"],
                # What a dashboard counts by: the index alone then answers it.
                include=["state", "paused_since", "requester", "reviewer"],
                name="ticket_open",
                condition=~models.Q(state__in=sorted(str(state) for state in TERMINAL)),
            ),
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


class Exemption(BaseModel):
    """A part of a ticket's scope that the law lets the controller keep, for now.

    Either one ``node`` with everything below it, or all of the scope in one ``dataset``.
    ``code`` is one of the regime's exemptions, ``citation`` its source at that time. ``text``
    says why it applies, under the ticket's key. It is looked at again on ``review_on``.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="exemptions")
    node = models.ForeignKey(ScopeNode, on_delete=models.PROTECT, null=True, related_name="+")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, null=True, related_name="+")
    code = models.CharField(max_length=40)
    citation = models.CharField(max_length=200)
    text = models.BinaryField(null=True)
    review_on = models.DateField()
    placed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    released_at = models.DateTimeField(null=True)
    released_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering: ClassVar = ["created_at"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(node__isnull=True) ^ models.Q(dataset__isnull=True),
                name="exempt_is_a_node_or_a_dataset",
            ),
            models.UniqueConstraint(
                fields=["ticket", "node", "dataset"],
                condition=models.Q(released_at__isnull=True),
                nulls_distinct=False,
                name="exempt_once",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["review_on"], name="exemption_review")]

    @property
    def home(self) -> Dataset:
        """Return the dataset in which the exempt part lies."""
        found = self.node.dataset if self.node else self.dataset
        if found is None:
            raise TypeError("an exemption names a node or a dataset")
        return found


class HoldKind(models.TextChoices):
    """What a legal hold covers."""

    SUBJECT = "subject", _("A part of a dataset: a person, a study")
    DATASET = "dataset", _("A whole dataset")
    MODEL = "model", _("A model")
    TICKET = "ticket", _("A ticket")


class LegalHold(BaseModel):
    """A duty not to erase: what it covers, on whose authority, placed and released by whom.

    Exactly the column that ``kind`` names is set. ``authority`` names authority and matter.
    """

    controller = models.ForeignKey(Controller, on_delete=models.PROTECT, related_name="holds")
    kind = models.CharField(max_length=10, choices=HoldKind.choices)
    node = models.ForeignKey(ScopeNode, on_delete=models.PROTECT, null=True, related_name="holds")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, null=True, related_name="holds")
    model = models.ForeignKey(Model, on_delete=models.PROTECT, null=True, related_name="holds")
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, null=True, related_name="holds")
    reason = models.CharField(max_length=20, choices=HoldReason.choices)
    authority = EncryptedTextField()
    placed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    released_at = models.DateTimeField(null=True)
    released_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    release_reason = models.CharField(max_length=20, choices=ReleaseReason.choices, blank=True)
    release_text = EncryptedTextField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(
                    kind=HoldKind.SUBJECT,
                    node__isnull=False,
                    dataset__isnull=True,
                    model__isnull=True,
                    ticket__isnull=True,
                )
                | models.Q(
                    kind=HoldKind.DATASET,
                    node__isnull=True,
                    dataset__isnull=False,
                    model__isnull=True,
                    ticket__isnull=True,
                )
                | models.Q(
                    kind=HoldKind.MODEL,
                    node__isnull=True,
                    dataset__isnull=True,
                    model__isnull=False,
                    ticket__isnull=True,
                )
                | models.Q(
                    kind=HoldKind.TICKET,
                    node__isnull=True,
                    dataset__isnull=True,
                    model__isnull=True,
                    ticket__isnull=False,
                ),
                name="a_hold_covers_what_its_kind_says",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["controller", "kind"],
                condition=models.Q(released_at__isnull=True),
                name="hold_active",
            ),
        ]

    @property
    def target_id(self) -> UUID:
        """Return the id of what the hold covers."""
        found = self.node_id or self.dataset_id or self.model_id or self.ticket_id
        if found is None:
            raise TypeError("a hold covers something")
        return found
