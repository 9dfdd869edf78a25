"""From a verified ticket to its certificate: collect the facts, have them signed, close.

Nothing is judged here. What the certificate may call itself follows from the reports.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from pydantic import TypeAdapter

from contract.catalog import Effect
from contract.report import REPORT
from contract.result import Result
from expunge.audit.leaves import commitment
from expunge.certificates.facts import (
    AttemptFacts,
    CertificateFacts,
    ExemptionFacts,
    ModelFacts,
    PersonFacts,
    ScopeFacts,
)
from expunge.certificates.kinds import Kind
from expunge.certificates.models import Certificate
from expunge.certificates.services import certificate_issue
from expunge.common.clock import local_date, now
from expunge.jobs.models import Attempt, ErasureJob
from expunge.jobs.moves import WORKER
from expunge.jobs.planner import LADDER
from expunge.jobs.scopes import job_scope, scope_of
from expunge.jobs.states import AttemptState, JobState
from expunge.registry.ledger import suppression_record
from expunge.registry.models import DatasetVersion, ModelVersion, Record, ScopeNode
from expunge.registry.selectors import records_held, records_in_scope
from expunge.tickets.exemptions import exemptions_of
from expunge.tickets.models import Outcome, Ticket
from expunge.tickets.payload import ticket_key
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move

logger = logging.getLogger(__name__)

_RESULT: TypeAdapter[Result] = TypeAdapter(Result)
_RUNGS = {rung.method: rung for rung in LADDER}

KEPT = "The version it replaces is superseded, and stays in the registry until it is retired."
DONE_BEFORE = "An erasure for an earlier request covered this scope; its evidence is given here."


def ticket_certify(*, ticket_id: UUID) -> None:
    """Issue the certificate of a verified ticket, then close the ticket, which shreds its key.

    One that was closed as not verified gets a statement of failed verification instead.

    May be called at any time and by several workers: one of them does it, once.
    """
    with _alone(ticket_id) as alone:
        if not alone:
            return
        ticket = Ticket.objects.select_related("controller").filter(pk=ticket_id).first()
        if ticket is None:
            return
        if ticket.state == TicketState.VERIFIED or is_unstated(ticket):
            certificate_issue(
                facts=facts_of(ticket),
                ticket_id=ticket.pk,
                controller_id=ticket.controller_id,
                actor=WORKER,
            )
        _close(ticket_id)


@transaction.atomic
def _close(ticket_id: UUID) -> None:
    ticket = Ticket.objects.select_for_update().get(pk=ticket_id)
    if ticket.state == TicketState.VERIFIED:
        certificate = Certificate.objects.filter(ticket_id=ticket.pk).latest("created_at")
        suppression_record(
            actor=WORKER,
            controller_id=ticket.controller_id,
            ticket_id=ticket.pk,
            nodes=scope_of(ticket),
            certificate=certificate.number,
        )
        ticket_move(ticket=ticket, target=TicketState.CERTIFIED, actor=WORKER)
    if ticket.state == TicketState.CERTIFIED:
        ticket_move(ticket=ticket, target=TicketState.CLOSED, actor=WORKER)


def is_unstated(ticket: Ticket) -> bool:
    """Say whether a ticket was closed as not verified and no document says so yet."""
    return tickets_unstated().filter(pk=ticket.pk).exists()


def tickets_unstated() -> QuerySet[Ticket]:
    """Return the tickets that need a statement of failed verification."""
    stated = Certificate.objects.filter(
        ticket_id=OuterRef("pk"), kind=Kind.NOT_VERIFIED, issued_at__gte=OuterRef("ended_at")
    )
    ended = Ticket.objects.filter(state=TicketState.CLOSED, outcome=Outcome.NOT_VERIFIED)
    return ended.filter(~Exists(stated), jobs__isnull=False).distinct()


def facts_of(ticket: Ticket) -> CertificateFacts:
    """Collect what a certificate about the ticket says, as it stands; no names, no texts."""
    zone = ticket.controller.time_zone
    nodes = scope_of(ticket)
    jobs = ticket.jobs.select_related("original__model", "result__model").order_by("created_at")
    return CertificateFacts(
        ticket=ticket.reference,
        controller=ticket.controller.name,
        regime=ticket.regime,
        ground=ticket.ground,
        requested_on=local_date(ticket.received_at, zone),
        completed_at=now(),
        scope=_scope(ticket, nodes),
        models=tuple(_model(job, nodes) for job in jobs),
        exemptions=_exemptions(ticket),
        people=_people(ticket, zone),
        category=", ".join(sorted({node.level for node in nodes})),
    )


def deciding_attempt(job: ErasureJob) -> Attempt | None:
    """Return the attempt on which the certificate rests as far as this job's model goes."""
    passed = job.attempts.filter(state=AttemptState.PASSED).order_by("number").last()
    if passed is None and job.state == JobState.PASSED:
        before = _earlier(job, job_scope(job))
        passed = before.attempts.filter(state=AttemptState.PASSED).last() if before else None
    return passed


def _model(job: ErasureJob, nodes: Sequence[ScopeNode]) -> ModelFacts:
    own = _attempts(job)
    original = job.original
    shown = job.state != JobState.PASSED or any(item.state == AttemptState.PASSED for item in own)
    before_this = None if shown else _earlier(job, nodes)
    if before_this is not None:
        own = (*own, *_attempts(before_this))
        original = before_this.original
    made = before_this.result if before_this else job.result
    return ModelFacts(
        name=original.model.name,
        version=original.number,
        before=original.digest,
        attempts=tuple(
            _attempt(attempt, number, original) for number, attempt in enumerate(own, start=1)
        ),
        after=made.digest if made else None,
        after_version=made.number if made else None,
        disposition=DONE_BEFORE if before_this else KEPT if made else "",
    )


def _earlier(job: ErasureJob, nodes: Sequence[ScopeNode]) -> ErasureJob | None:
    """Return the job whose erasure covers this job's scope already, newest first."""
    wanted = {node.pk for node in nodes}
    version = job.result
    while version is not None:
        paths = [(item.node.dataset_id, item.node.path) for item in version.erasures.all()]
        covered = {
            node.pk
            for node in nodes
            if any(
                node.dataset_id == dataset and f"{node.path}.".startswith(f"{path}.")
                for dataset, path in paths
            )
        }
        if covered == wanted:
            made_by = version.made_by_jobs.exclude(pk=job.pk).filter(attempts__state="passed")
            return made_by.select_related("original__model", "result").first()
        version = version.parent
    return None


def _attempts(job: ErasureJob) -> tuple[Attempt, ...]:
    kept = job.attempts.exclude(state=AttemptState.CANCELLED).select_related("batch__original")
    return tuple(kept.order_by("number"))


def _attempt(attempt: Attempt, number: int, original: ModelVersion) -> AttemptFacts:
    begun = attempt.batch.original
    rung = _RUNGS.get(attempt.method)
    result = _RESULT.validate_python(attempt.result) if attempt.result else None
    claimed = result.effect if result and result.effect else rung.effect if rung else None
    return AttemptFacts(
        number=number,
        method=attempt.method,
        title=rung.title if rung else attempt.method,
        effect=claimed or Effect.REMOVAL,
        reason=attempt.reason,
        result=result,
        report=REPORT.validate_python(attempt.report) if attempt.report else None,
        preregistration=attempt.preregistration or None,
        requests=attempt.batch.attempts.count(),
        original=begun.digest if begun and begun.pk != original.pk else None,
    )


def _scope(ticket: Ticket, nodes: Sequence[ScopeNode]) -> tuple[ScopeFacts, ...]:
    """Return what had to go, per dataset version that one of the models held it from."""
    key = ticket_key(ticket)
    held = Record.objects.none()
    for job in ticket.jobs.select_related("original"):
        held |= records_held(job.original)
    inside = held.filter(pk__in=records_in_scope(nodes).values("pk"))
    versions = DatasetVersion.objects.filter(pk__in=inside.order_by().values("version"))
    found = []
    for version in versions.select_related("dataset").order_by("dataset__name", "number"):
        digests = sorted(inside.filter(version=version).values_list("digest", flat=True))
        own = [node for node in nodes if node.dataset_id == version.dataset_id]
        found.append(
            ScopeFacts(
                dataset=version.dataset.name,
                version=version.number,
                digest=version.digest,
                levels=tuple(sorted({node.level for node in own})),
                records=len(digests),
                commitment=commitment(key, digests) if key else "",
            )
        )
    return tuple(found)


def _exemptions(ticket: Ticket) -> tuple[ExemptionFacts, ...]:
    return tuple(
        ExemptionFacts(
            dataset=item.home.name,
            level=item.node.level if item.node else "",
            code=item.code,
            citation=item.citation,
            review_on=item.review_on,
        )
        for item in exemptions_of(ticket)
    )


def _people(ticket: Ticket, zone: str) -> tuple[PersonFacts, ...]:
    """Return who decided, by role and day: the last review and the approval that followed it."""
    roles: Mapping[str, str] = {
        TicketState.AWAITING_APPROVAL: "Reviewed by a data-protection officer",
        TicketState.APPROVED: "Approved by a second person",
    }
    days: dict[str, date] = {}
    for move in ticket.moves.filter(user__isnull=False).order_by("created_at"):
        if move.target in roles:
            days[move.target] = local_date(move.created_at, zone)
    return tuple(PersonFacts(role, days[state]) for state, role in roles.items() if state in days)


@contextmanager
def _alone(ticket_id: UUID) -> Iterator[bool]:
    """Say whether nobody else works on this ticket's certificate; the database ends the claim."""
    claim: list[Any] = ["expunge.certify", str(ticket_id)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s), hashtext(%s))", claim)
        (alone,) = cursor.fetchone()
        try:
            yield bool(alone)
        finally:
            if alone:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s), hashtext(%s))", claim)
