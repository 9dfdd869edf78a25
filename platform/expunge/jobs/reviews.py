"""Which certified erasures must be verified again: every one, on every later version of a model.

A later version is one of the same model, or made from the certified one under another name. What
is planned follows from the registry alone, whoever registered the version and by which door.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, QuerySet, UUIDField, Value

from expunge.audit.actions import AuditAction
from expunge.certificates.selectors import certificate_standing, certificates_standing
from expunge.jobs import queue
from expunge.jobs.batches import seed_of
from expunge.jobs.configuration import configuration
from expunge.jobs.facts import deciding_attempt
from expunge.jobs.leases import DUE
from expunge.jobs.models import Batch, ErasureJob, Reverification
from expunge.jobs.moves import review_audit
from expunge.jobs.states import JobState
from expunge.registry.lineage import descendants
from expunge.registry.models import ModelVersion

SEEN = "reviews"
AT_A_TIME = 200
"""How many re-verifications one sweep plans at most; the next one goes on."""


def reviews_plan() -> None:
    """Plan what is missing, and wake a worker for the oldest when no ticket waits for one."""
    if not configuration().reverify:
        return
    _plan()
    if not Batch.objects.filter(DUE).exists():
        due = Reverification.objects.filter(DUE).order_by("created_at")
        for review_id in due.values_list("pk", flat=True)[: configuration().reverify_at_once]:
            queue.enqueue(queue.REVIEW_RUN, review_id)


def _plan() -> None:
    """Queue what is missing; looks through everything only when there is something new."""
    newest = _newest()
    if queue.remembered(SEEN) == newest:
        return
    missing = list(_missing())
    for job_id, version_id in missing:
        review_queue(job_id=job_id, version_id=version_id)
    if not missing:
        queue.remember(SEEN, newest)


def _newest() -> str:
    """Name the newest version and the newest certificate: only those make something missing."""
    version = ModelVersion.objects.order_by("-created_at").values_list("pk", flat=True).first()
    issued = certificates_standing().order_by("-issued_at").values_list("pk", flat=True).first()
    return f"{version}:{issued}"


@transaction.atomic
def review_queue(*, job_id: UUID, version_id: UUID) -> Reverification | None:
    """Plan the re-verification of what a job's certificate says, on a version; once."""
    job = ErasureJob.objects.select_related("ticket").get(pk=job_id)
    certificate = certificate_standing(job.ticket_id)
    basis = deciding_attempt(job)
    if certificate is None or basis is None:
        return None
    review = Reverification(
        certificate=certificate, ticket=job.ticket, version_id=version_id, basis=basis
    )
    review.seed = seed_of(review.pk)
    try:
        with transaction.atomic():
            review.save(force_insert=True)
    except IntegrityError:  # another worker was faster
        return None
    review_audit(review, AuditAction.REVERIFICATION_QUEUED, {"basis": str(basis.pk)})
    return review


def _missing() -> Iterator[tuple[UUID, UUID]]:
    """Yield job and version of certified erasures that were not checked on a later version."""
    same = _certified().annotate(
        version=F("original__model__versions"),
        registered_at=F("original__model__versions__created_at"),
    )
    found = _unchecked(same.filter(registered_at__gt=F("result__created_at")))
    yield from found.values_list("pk", "version")[:AT_A_TIME]  # type: ignore[misc]  # annotated
    for version in _elsewhere():
        line = _ancestors(version)
        jobs = _certified().filter(result__in=line).annotate(version=_constant(version.pk))
        pairs = _unchecked(jobs).values_list("pk", "version")  # type: ignore[misc]  # annotated
        yield from pairs[:AT_A_TIME]


def _certified() -> QuerySet[ErasureJob]:
    """Return for each ticket and model the newest job on which a standing certificate rests."""
    standing = certificates_standing().filter(ticket_id=OuterRef("ticket_id"))
    newer = ErasureJob.objects.filter(
        ticket=OuterRef("ticket"),
        original__model=OuterRef("original__model"),
        state=JobState.PASSED,
        created_at__gt=OuterRef("created_at"),
    )
    return ErasureJob.objects.filter(
        Exists(standing), ~Exists(newer), state=JobState.PASSED, result__isnull=False
    ).order_by("created_at")


def _unchecked(jobs: QuerySet[ErasureJob]) -> QuerySet[ErasureJob]:
    """Leave out what was checked, and versions that were made for the same ticket."""
    checked = Reverification.objects.filter(ticket=OuterRef("ticket"), version=OuterRef("version"))
    made = ErasureJob.objects.filter(ticket=OuterRef("ticket"), result=OuterRef("version"))
    current = checked.filter(certificate__revoked_at__isnull=True)
    return jobs.filter(~Exists(current), ~Exists(made))


def _elsewhere() -> Iterator[ModelVersion]:
    """Yield the versions of models that were made from another model's version."""
    crossed = ModelVersion.objects.filter(parent__isnull=False).exclude(parent__model=F("model"))
    found = descendants(crossed.values_list("pk", flat=True))
    yield from ModelVersion.objects.filter(pk__in=found).order_by("created_at")


def _ancestors(version: ModelVersion) -> set[UUID]:
    line: set[UUID] = set()
    above = version.parent
    while above is not None:
        line.add(above.pk)
        above = above.parent
    return line


def _constant(version_id: UUID) -> Value:
    return Value(version_id, output_field=UUIDField())
