"""Reading the work: jobs and attempts as pages and API show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from expunge.accounts.permissions import Actor, Permission
from expunge.common.errors import NotFoundError
from expunge.jobs.ladder import finding_of
from expunge.jobs.models import Attempt, ErasureJob
from expunge.jobs.states import ATTEMPT_OVER, JobState
from expunge.tickets.models import Ticket


@dataclass(frozen=True)
class AttemptProgress:
    """Where an attempt stands. ``share`` is in [0, 1], or ``None`` when its end is not known."""

    id: UUID
    number: int
    method: str
    reason: str
    state: str
    phase: str
    message: str
    done: int
    total: int
    share: float | None
    verdict: str
    finding: str
    failure: str

    @property
    def is_over(self) -> bool:
        """Say whether nothing more will happen to it."""
        return self.state in ATTEMPT_OVER


def jobs_of(actor: Actor, ticket: Ticket) -> QuerySet[ErasureJob]:
    """Return a ticket's jobs with their models and attempts; none without the permission."""
    return (
        _jobs_visible(actor)
        .filter(ticket=ticket)
        .select_related("ticket", "original__model", "result__model")
        .prefetch_related(Prefetch("attempts", Attempt.objects.order_by("number")))
    )


def jobs_open(actor: Actor) -> QuerySet[ErasureJob]:
    """Return every job that is waiting or at work, oldest first."""
    return (
        _jobs_visible(actor)
        .filter(state__in=[JobState.PLANNED, JobState.RUNNING])
        .select_related("ticket", "original__model")
        .prefetch_related(Prefetch("attempts", Attempt.objects.order_by("number")))
    )


def job_get(actor: Actor, job_id: UUID) -> ErasureJob:
    """Return one job; raises ``job_unknown``."""
    found = (
        _jobs_visible(actor)
        .select_related("ticket", "original__model", "result__model")
        .filter(pk=job_id)
        .first()
    )
    if found is None:
        raise NotFoundError("job_unknown", "There is no such job for you.")
    return found


def attempt_get(actor: Actor, attempt_id: UUID) -> Attempt:
    """Return one attempt with its result and report; raises ``attempt_unknown``."""
    found = (
        Attempt.objects.filter(pk=attempt_id, job__in=_jobs_visible(actor))
        .select_related("job__ticket", "job__original__model", "job__result")
        .first()
    )
    if found is None:
        raise NotFoundError("attempt_unknown", "There is no such attempt for you.")
    return found


def attempt_progress(attempt: Attempt) -> AttemptProgress:
    """Return where an attempt stands, in the words and numbers that a page shows."""
    report: dict[str, Any] = attempt.report or {}
    share = min(1.0, attempt.done / attempt.total) if attempt.total else None
    return AttemptProgress(
        id=attempt.pk,
        number=attempt.number,
        method=attempt.method,
        reason=attempt.reason,
        state=attempt.state,
        phase=attempt.phase,
        message=attempt.message,
        done=attempt.done,
        total=attempt.total,
        share=share,
        verdict=report.get("verdict", ""),
        finding=finding_of(report),
        failure=(attempt.failure or {}).get("message", ""),
    )


def _jobs_visible(actor: Actor) -> QuerySet[ErasureJob]:
    controllers = actor.controllers(Permission.TICKET_VIEW)
    return ErasureJob.objects.filter(ticket__controller_id__in=controllers)
