"""Saved views of the ticket list, and runs over many tickets."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from expunge.accounts.models import ApiToken, Controller, User
from expunge.common.fields import EncryptedTextField
from expunge.common.models import BaseModel
from expunge.tickets.models import Ticket


class SavedView(BaseModel):
    """A filter of the ticket list under a name: one's own, or shared with the organisation.

    ``query`` holds codes only; what somebody searched for is never kept.
    """

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="views")
    controller = models.ForeignKey(Controller, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=500, blank=True)
    shared = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "name"], name="view_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class DefaultView(BaseModel):
    """The view with which a person's list of tickets opens."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="default_view")
    view = models.ForeignKey(SavedView, on_delete=models.CASCADE, related_name="+")


class BulkRun(BaseModel):
    """One task for many tickets. ``text`` is erased when the run is over.

    ``token`` is the one it was started with, if it was: the run goes on for as long as that holds.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="bulk_runs")
    token = models.ForeignKey(ApiToken, null=True, on_delete=models.CASCADE, related_name="+")
    task = models.CharField(max_length=40)
    code = models.CharField(max_length=60, blank=True)
    text = EncryptedTextField(null=True)
    total = models.PositiveIntegerField(default=0)
    touched_at = models.DateTimeField()
    stopped = models.BooleanField(default=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]


class BulkItem(models.Model):
    """One ticket of a run. ``result`` is empty until its turn, then ``done`` or an error's code."""

    DONE = "done"

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(BulkRun, on_delete=models.CASCADE, related_name="items")
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="+")
    result = models.CharField(max_length=60, blank=True)
    message = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "ticket"], name="bulk_ticket_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["run", "result", "id"], name="bulk_result"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}:{self.ticket_id}"
