"""The facts of a ticket for its certificate: collected as they stand, no names, no texts.

Nothing is judged here. What the certificate may call itself follows from the reports.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from importlib import metadata

from django.db.models import Max
from pydantic import TypeAdapter

from contract.catalog import Effect
from contract.report import REPORT
from contract.result import Result
from expunge.audit.leaves import commitment
from expunge.certificates.facts import (
    ActorRole,
    AttemptFacts,
    Category,
    CertificateFacts,
    Disposition,
    ExemptionFacts,
    ModelFacts,
    PersonFacts,
    RecipientFacts,
    Residual,
    ScopeFacts,
    TrainingFacts,
    VersionFacts,
)
from expunge.certificates.models import Certificate
from expunge.common.clock import local_date, now
from expunge.jobs.models import Attempt, ErasureJob
from expunge.jobs.planner import LADDER
from expunge.jobs.scopes import job_scope, scope_of
from expunge.jobs.states import AttemptState, JobState
from expunge.registry.models import DatasetVersion, ModelVersion, Record, ScopeNode
from expunge.registry.selectors import records_held, records_in_scope
from expunge.tickets.correspondence import GERMAN_SPEAKING
from expunge.tickets.exemptions import exemptions_of
from expunge.tickets.models import Ticket
from expunge.tickets.payload import ticket_key
from expunge.tickets.regimes import regime_named
from expunge.tickets.states import TicketState

_RESULT: TypeAdapter[Result] = TypeAdapter(Result)
_RUNGS = {rung.method: rung for rung in LADDER}


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
        language="de" if ticket.controller.country in GERMAN_SPEAKING else "en",
        citation=regime_named(ticket.regime).ground(ticket.ground).citation,
        category=Category.HEALTH if ticket.regime == "hipaa" else Category.PERSONAL,
        exemptions=_exemptions(ticket),
        people=_people(ticket, zone),
        recipients=_recipients(ticket, zone),
        residuals=(Residual.OLD_WEIGHTS, Residual.COPIES_ELSEWHERE, Residual.BACKUPS),
        software=f"expunge {metadata.version('expunge')}",
    )


def facts_anew(certificate: Certificate) -> CertificateFacts:
    """Collect what a newer document about the same ticket says."""
    ticket = Ticket.objects.select_related("controller").get(pk=certificate.ticket_id)
    return facts_of(ticket)


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
        disposition=Disposition.COVERED_BEFORE
        if before_this
        else Disposition.KEPT_UNTIL_RETIRED
        if made
        else None,
        trained_on=_trained_on(original),
        made_from=tuple(_version(item) for item in _ancestors(original)),
        copies=tuple(
            _version(item)
            for item in original.children.select_related("model").order_by("created_at")
            if item != made
        ),
    )


def _version(item: ModelVersion) -> VersionFacts:
    return VersionFacts(item.model.name, item.number, item.digest)


def _trained_on(version: ModelVersion) -> tuple[TrainingFacts, ...]:
    uses = version.training_uses.select_related("dataset_version__dataset")
    found = {use.dataset_version for use in uses}
    return tuple(
        TrainingFacts(item.dataset.name, item.number, item.digest)
        for item in sorted(found, key=lambda item: (item.dataset.name, item.number))
    )


def _ancestors(version: ModelVersion) -> Iterator[ModelVersion]:
    parent = version.parent
    while parent is not None:
        yield parent
        parent = parent.parent


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
    """Return who acted, by role and day.

    Two people decided: the last review, and the approval that followed it. Two programs acted:
    the day is that of the last attempt's end.
    """
    roles: Mapping[str, ActorRole] = {
        TicketState.AWAITING_APPROVAL: ActorRole.REVIEWER,
        TicketState.APPROVED: ActorRole.APPROVER,
    }
    days: dict[ActorRole, date] = {}
    for move in ticket.moves.filter(user__isnull=False).order_by("created_at"):
        if move.target in roles:
            days[roles[TicketState(move.target)]] = local_date(move.created_at, zone)
    ended = Attempt.objects.filter(job__ticket=ticket, ended_at__isnull=False)
    for role, done in (
        (ActorRole.OPERATOR, ended),
        (ActorRole.VERIFIER, ended.filter(report__isnull=False)),
    ):
        if last := done.aggregate(last=Max("ended_at"))["last"]:
            days[role] = local_date(last, zone)
    return tuple(PersonFacts(role, days[role]) for role in ActorRole if role in days)


def _recipients(ticket: Ticket, zone: str) -> tuple[RecipientFacts, ...]:
    """Return who received the models or the data; they are told when the ticket ends."""
    notices = ticket.recipient_notices.select_related("recipient").order_by("recipient__name")
    return tuple(
        RecipientFacts(
            name=item.recipient.name,
            notified_on=local_date(item.notified_at, zone) if item.notified_at else None,
            acknowledged_on=local_date(item.acknowledged_at, zone)
            if item.acknowledged_at
            else None,
            excuse=item.excuse,
        )
        for item in notices
    )
