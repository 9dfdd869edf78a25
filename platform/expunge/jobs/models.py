"""Erasure jobs, one per ticket and model version, and their attempts."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from expunge.common.models import BaseModel
from expunge.jobs.states import ATTEMPT_OVER, AttemptState, JobState
from expunge.registry.models import ModelVersion
from expunge.tickets.models import Ticket


class ErasureJob(BaseModel):
    """The erasure of a ticket's scope from one model version, by as many attempts as it takes.

    ``round`` is how often a person had set the ticket going again (a retry, the release of a
    hold) when this job last started.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="jobs")
    original = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="jobs")
    result = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, related_name="made_by_jobs"
    )
    state = models.CharField(max_length=20, default=JobState.PLANNED)
    round = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ticket", "original"], name="job_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=[str(state) for state in JobState]),
                name="job_state_known",
            ),
        ]


class Attempt(BaseModel):
    """One method, run and then attacked, under a lease.

    ``token`` is the fencing token: it grows with every lease, and a result that carries an
    older one is refused. ``result`` and ``report`` are the library's JSON
    (:mod:`contract.result`, :mod:`contract.report`).
    """

    job = models.ForeignKey(ErasureJob, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    round = models.PositiveSmallIntegerField(default=0)
    method = models.CharField(max_length=40)
    settings = models.JSONField(default=dict)
    seed = models.BigIntegerField(default=0)
    reason = models.CharField(max_length=200)
    state = models.CharField(max_length=20, default=AttemptState.QUEUED)
    cancel_requested = models.BooleanField(default=False)

    owner = models.CharField(max_length=120, blank=True)
    token = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)

    phase = models.CharField(max_length=60, blank=True)
    message = models.CharField(max_length=300, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)

    preregistration = models.CharField(max_length=71, blank=True)
    result = models.JSONField(null=True)
    report = models.JSONField(null=True)
    failure = models.JSONField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["job", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "number"], name="attempt_number_once"),
            models.UniqueConstraint(
                fields=["job"],
                condition=~models.Q(state__in=sorted(str(state) for state in ATTEMPT_OVER)),
                name="one_open_attempt_per_job",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=[str(state) for state in AttemptState]),
                name="attempt_state_known",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["state", "lease_until"], name="attempt_leases"),
        ]
