"""Jobs, one per ticket and model version; the batches that run them; their attempts; reviews."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from expunge.certificates.models import Certificate
from expunge.common.models import BaseModel
from expunge.jobs.states import ATTEMPT_OVER, AttemptState, BatchState, JobState, ReviewState
from expunge.registry.models import Model, ModelVersion
from expunge.tickets.models import Ticket


class Cause(models.TextChoices):
    """Why a model must be worked on although its lineage says that the data is gone."""

    REGRESSION = "regression", _("A check that was passed failed on a later version")
    BROUGHT_BACK = "brought_back", _("A later version holds the data again")


class Leased(BaseModel):
    """Work that one worker at a time does, under a lease.

    ``token`` is the fencing token: it grows with every lease, and what a worker with an older
    one has to say is refused.
    """

    owner = models.CharField(max_length=120, blank=True)
    token = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    def stop_asked(self) -> bool:
        """Say whether the worker should stop."""
        return False


class Examined(BaseModel):
    """Something that is verified: how far it is, the plan fixed before, and what was found.

    ``report`` is the verifier's JSON (:mod:`contract.report`).
    """

    seed = models.BigIntegerField(default=0)
    phase = models.CharField(max_length=60, blank=True)
    message = models.CharField(max_length=300, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    preregistration = models.CharField(max_length=71, blank=True)
    report = models.JSONField(null=True)
    failure = models.JSONField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class ErasureJob(BaseModel):
    """The erasure of a ticket's scope from one model version, by as many attempts as it takes.

    ``round`` is how often a person had set the ticket going again (a retry, the release of a
    hold) when this job last started. ``cause`` and ``nodes`` are set when something came back:
    ``nodes`` says what, where it is not the ticket's own scope.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="jobs")
    original = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="jobs")
    result = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, related_name="made_by_jobs"
    )
    state = models.CharField(max_length=20, default=JobState.PLANNED)
    round = models.PositiveSmallIntegerField(default=0)
    cause = models.CharField(max_length=20, choices=Cause.choices, blank=True)
    nodes = ArrayField(models.UUIDField(), default=list)

    class Meta:
        ordering: ClassVar = ["created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["ticket", "original", "cause"],
                name="job_once",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=[str(state) for state in JobState]),
                name="job_state_known",
            ),
        ]


class Batch(Leased):
    """One unlearning run on a model, for one request or for several that came together.

    While it is open it gathers jobs until ``closes_at``; then it takes those that are due, each
    with an attempt of its own. ``result`` is the library's JSON (:mod:`contract.result`).
    """

    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="batches")
    original = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, related_name="batches"
    )
    state = models.CharField(max_length=20, default=BatchState.OPEN)
    closes_at = models.DateTimeField()
    method = models.CharField(max_length=40, blank=True)
    settings = models.JSONField(default=dict)
    seed = models.BigIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["model"], condition=models.Q(state="open"), name="one_open_batch_per_model"
            ),
            models.UniqueConstraint(
                fields=["model"],
                condition=models.Q(state__in=["queued", "running"]),
                name="one_batch_at_work_per_model",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=[str(state) for state in BatchState]),
                name="batch_state_known",
            ),
            models.CheckConstraint(
                condition=models.Q(state="open") | models.Q(original__isnull=False),
                name="a_batch_at_work_has_a_version",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["state", "lease_until"], name="batch_leases"),
        ]

    def stop_asked(self) -> bool:
        """Say whether nobody waits for this run any more."""
        under_way = self.attempts.exclude(state__in=[str(state) for state in ATTEMPT_OVER])
        return not under_way.filter(cancel_requested=False).exists()


class Attempt(Examined):
    """One method, run and then attacked, for one job: a place in a batch, and its own verdict.

    ``plan`` is the learned order that it was chosen by (:mod:`expunge.jobs.track_record`), empty
    where none was.
    """

    job = models.ForeignKey(ErasureJob, on_delete=models.PROTECT, related_name="attempts")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    round = models.PositiveSmallIntegerField(default=0)
    method = models.CharField(max_length=40)
    settings = models.JSONField(default=dict)
    reason = models.CharField(max_length=200)
    plan = models.JSONField(default=dict)
    state = models.CharField(max_length=20, default=AttemptState.QUEUED)
    cancel_requested = models.BooleanField(default=False)
    result = models.JSONField(null=True)

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


class Reverification(Leased, Examined):
    """A certified erasure, verified again on a later version of the model.

    ``basis`` is the attempt on which the certificate rests: its records, its profile, and the
    model that still knew the person.
    """

    certificate = models.ForeignKey(
        Certificate, on_delete=models.PROTECT, related_name="reverifications"
    )
    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="reverifications")
    version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="reverifications"
    )
    basis = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="reverifications")
    state = models.CharField(max_length=20, default=ReviewState.QUEUED)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["certificate", "basis", "version"], name="reverified_once"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=[str(state) for state in ReviewState]),
                name="reverification_state_known",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["state", "lease_until"], name="reverification_leases"),
        ]
