"""Reading the work: jobs and attempts as pages and API show them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.utils.translation import gettext as _
from pydantic import ValidationError

from contract.report import REPORT, Report
from expunge.accounts.permissions import Actor, Permission
from expunge.common.clock import now
from expunge.common.errors import NotFoundError
from expunge.jobs.configuration import configuration
from expunge.jobs.ladder import finding_of
from expunge.jobs.models import Attempt, Batch, ErasureJob, Reverification
from expunge.jobs.states import ATTEMPT_OVER, BatchState, JobState
from expunge.tickets.models import Ticket, TicketMove
from expunge.tickets.states import TicketState


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


def reviews_visible(
    actor: Actor,
    *,
    state: str | None = None,
    ticket_id: UUID | None = None,
    version_id: UUID | None = None,
) -> QuerySet[Reverification]:
    """Return the re-verifications of the certificates one may see, newest first."""
    controllers = actor.controllers(Permission.CERTIFICATE_VIEW)
    asked = {"state": state, "ticket_id": ticket_id, "version_id": version_id}
    return Reverification.objects.filter(
        ticket__controller_id__in=controllers,
        **{name: value for name, value in asked.items() if value},
    ).select_related("ticket", "certificate", "version__model", "basis__job__original__model")


def reviews_of_ticket(actor: Actor, ticket: Ticket) -> QuerySet[Reverification]:
    """Return what became of a ticket's certified erasures on later versions, newest first."""
    return reviews_visible(actor, ticket_id=ticket.pk)


def reviews_of_model(actor: Actor, model_id: UUID) -> QuerySet[Reverification]:
    """Return the re-verifications on the versions of one model, newest first."""
    return reviews_visible(actor).filter(version__model_id=model_id)


def review_get(actor: Actor, review_id: UUID) -> Reverification:
    """Return one re-verification with its report; raises ``reverification_unknown``."""
    found = reviews_visible(actor).filter(pk=review_id).first()
    if found is None:
        raise NotFoundError(
            "reverification_unknown", _("There is no such re-verification for you.")
        )
    return found


def tickets_stuck(actor: Actor) -> QuerySet[Ticket]:
    """Return the tickets whose work should go on by itself but does not, oldest first.

    Nothing of them moved for as long as the configuration says and no worker holds a lease, or
    the attempt at work has lost half of the workers it may lose.
    """
    choices = configuration()
    since = now() - choices.stuck
    own = Attempt.objects.filter(job__ticket=OuterRef("pk"))
    moved = TicketMove.objects.filter(ticket=OuterRef("pk"), created_at__gt=since)
    fresh = Q(created_at__gt=since) | Q(ended_at__gt=since) | Q(batch__lease_until__gt=now())
    often = own.filter(batch__state=BatchState.RUNNING, batch__token__gt=choices.takeovers // 2)
    waiting = Batch.objects.filter(
        model__versions__jobs__ticket=OuterRef("pk"), state=BatchState.OPEN, closes_at__gt=now()
    )
    found = Ticket.objects.filter(
        controller_id__in=actor.controllers(Permission.TICKET_VIEW),
        state__in=(TicketState.APPROVED, TicketState.IN_PROGRESS),
    )
    still = ~Exists(moved) & ~Exists(own.filter(fresh)) & ~Exists(waiting)
    return found.filter(still | Exists(often)).order_by("received_at")


def job_get(actor: Actor, job_id: UUID) -> ErasureJob:
    """Return one job; raises ``job_unknown``."""
    found = (
        _jobs_visible(actor)
        .select_related("ticket", "original__model", "result__model")
        .filter(pk=job_id)
        .first()
    )
    if found is None:
        raise NotFoundError("job_unknown", _("There is no such job for you."))
    return found


def attempt_get(actor: Actor, attempt_id: UUID) -> Attempt:
    """Return one attempt with its result and report; raises ``attempt_unknown``."""
    found = (
        Attempt.objects.filter(pk=attempt_id, job__in=_jobs_visible(actor))
        .select_related("job__ticket", "job__original__model", "job__result")
        .first()
    )
    if found is None:
        raise NotFoundError("attempt_unknown", _("There is no such attempt for you."))
    return found


def attempt_report(attempt: Attempt) -> Report:
    """Return the report on an attempt; raises ``report_unknown``."""
    with suppress(ValidationError):
        if attempt.report:
            return REPORT.validate_python(attempt.report)
    raise NotFoundError(
        "report_unknown", _("This attempt was not examined, so there is no report on it.")
    )


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
