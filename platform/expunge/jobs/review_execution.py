"""One re-verification: a certified erasure, examined again on a later version of the model.

Tickets come first: it starts only while no batch waits. It runs as a verification after an
unlearning does, in a folder and under a lease of its own, with the later version as candidate.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models.functions import Now

from contract.canonical import digest_json
from contract.report import REPORT, CheckResult, Report, Verdict
from contract.result import ErrorCode
from expunge.audit.actions import AuditAction
from expunge.jobs import queue
from expunge.jobs.comebacks import work_again
from expunge.jobs.configuration import configuration
from expunge.jobs.failures import AttemptFailed, AttemptStopped, LeaseLost, from_exception
from expunge.jobs.folder import (
    CANDIDATE,
    ORIGINAL,
    VERIFY,
    candidate_add,
    folder_remove,
    folders_sweep,
    is_ready,
    model_fetch,
    review_write,
    run_lock,
    work_path,
)
from expunge.jobs.leases import (
    DUE,
    RUNNING,
    Heart,
    Lease,
    lease_row,
    lease_start,
    lease_take_over,
    lease_write,
)
from expunge.jobs.libraries import log_places, plan_digest, report_of
from expunge.jobs.material import Material
from expunge.jobs.models import Batch, Cause, Reverification
from expunge.jobs.moves import review_audit, review_move
from expunge.jobs.progress import Progress
from expunge.jobs.runner import Runner
from expunge.jobs.slots import free_place
from expunge.jobs.states import ReviewState
from expunge.tickets.models import Ticket

logger = logging.getLogger(__name__)


def review_execute(review_id: UUID) -> bool:
    """Run a re-verification unless a ticket waits, every place is taken, or it is in other hands.

    Says whether it ran.
    """
    choices = configuration()
    folders_sweep()
    if Batch.objects.filter(DUE).exists():
        return False
    with free_place(choices) as place:
        if place is None:
            return False
        lease = review_acquire(review_id)
        if lease is None:
            return False
        lock = run_lock(review_id)
        with Heart(lease) as heart:
            if not lock.evict():
                return False
            try:
                progress = Progress(Reverification.objects.filter(pk=review_id))
                home = work_path(review_id)
                runner = Runner(choices, home, *place, lock=lock, heart=heart, progress=progress)
                _to_the_end(lease, runner, progress)
            finally:
                lock.release()
    return True


@transaction.atomic
def review_acquire(review_id: UUID) -> Lease | None:
    """Take the lease of a re-verification that is queued or whose lease expired, if there is room.

    One that lost too many workers, or whose certificate was revoked meanwhile, ends here.
    """
    review = Reverification.objects.select_for_update(of=("self",)).filter(DUE, pk=review_id)
    row = review.select_related("ticket", "certificate").first()
    at_work = Reverification.objects.filter(state=RUNNING, lease_until__gt=Now())
    if row is None or at_work.count() >= configuration().reverify_at_once:
        return None
    if row.state == ReviewState.QUEUED:
        fields = {**lease_start(), "started_at": Now()}
        review_move(review=row, target=ReviewState.RUNNING, fields=fields)
    elif not lease_take_over(row):
        message = f"It lost its worker {row.token} times and is given up."
        _end(row, ReviewState.ERRORED, failure=AttemptFailed(ErrorCode.CRASHED, message))
        return None
    if row.certificate.is_revoked:
        message = "The certificate was revoked before it was checked again."
        _end(row, ReviewState.ERRORED, failure=AttemptFailed("revoked", message))
        return None
    return Lease(row.pk, row.token, Reverification)


@transaction.atomic
def review_conclude(lease: Lease, report: Report) -> None:
    """End a re-verification by its report; a regression revokes, reopens and makes a job.

    Raises ``LeaseLost``.
    """
    found = Reverification.objects.get(pk=lease.work_id)
    # The ticket first, as everybody does who moves tickets.
    Ticket.objects.select_for_update().get(pk=found.ticket_id)
    review: Reverification = lease_row(lease)
    target = judged(report, REPORT.validate_python(review.basis.report))
    evidence = {
        "verdict": report.verdict.value,
        "report": digest_json(REPORT.dump_python(report, mode="json")),
        "model": review.version.digest,
    }
    review_move(review=review, target=target, evidence=evidence)
    if target is ReviewState.REGRESSED:
        work_again(ticket_id=review.ticket_id, version=review.version, cause=Cause.REGRESSION)
    queue.enqueue_on_commit(queue.RECLAIM)


def judged(report: Report, before: Report) -> ReviewState:
    """Say what a report means for a certificate that rests on the report before it.

    It regressed when a mandatory check fails now that passed then. A failed gate, or a check
    that was never passed, cannot tell a regression from a test that went wrong.
    """
    if report.verdict is Verdict.PASS:
        return ReviewState.HELD_UP
    passed = {_name(item) for item in before.checks if item.verdict is Verdict.PASS}
    failed = [item for item in report.checks if item.mandatory and item.verdict is Verdict.FAIL]
    if report.verdict is Verdict.FAIL and any(_name(item) in passed for item in failed):
        return ReviewState.REGRESSED
    return ReviewState.INCONCLUSIVE


def _to_the_end(lease: Lease, runner: Runner, progress: Progress) -> None:
    """Run the steps and conclude, whatever happens; the folder goes unless the lease is lost."""
    try:
        try:
            progress.say("preparing", "fetching models and records")
            review_conclude(lease, _examine(lease, runner))
        except (LeaseLost, DatabaseError, AttemptStopped):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, the work must end
            failure = from_exception(error)
            if failure.code == ErrorCode.CRASHED and not isinstance(error, AttemptFailed):
                log_places(lease.work_id, error)
            with transaction.atomic():
                _end(lease_row(lease), ReviewState.ERRORED, failure=failure)
    except LeaseLost:
        logger.warning("Re-verification %s is in other hands now", lease.work_id)
        return
    folder_remove(lease.work_id)


def _examine(lease: Lease, runner: Runner) -> Report:
    review = Reverification.objects.select_related(
        "ticket", "version__model", "basis__job__ticket", "basis__batch__original__model"
    ).get(pk=lease.work_id)
    version = review.basis.batch.original
    if version is None:
        raise ValueError("an attempt began at some version")
    original = model_fetch(runner.home, version, ORIGINAL)
    candidate = model_fetch(runner.home, review.version, CANDIDATE)
    folder = runner.home / VERIFY
    if not is_ready(folder):
        material = Material(version, runner.home / ORIGINAL, runner.home)
        dealt = material.splits(review.basis.job, held_by=review.version)
        review_write(folder, review, original, dealt)
    digest = _preregister(lease, plan_digest(runner, folder))
    candidate_add(folder, candidate, digest)
    report = report_of(runner, folder, digest, candidate.digest)
    lease_write(lease, report=report)
    return REPORT.validate_python(report)


def _preregister(lease: Lease, digest: str) -> str:
    """Record the plan before the version is looked at; another plan than recorded is refused."""
    with transaction.atomic():
        review: Reverification = lease_row(lease)
        if not review.preregistration:
            lease_write(lease, preregistration=digest)
            review_audit(review, AuditAction.VERIFICATION_PREREGISTERED, {"digest": digest})
    if review.preregistration not in {"", digest}:
        raise AttemptFailed(
            "preregistration_differs", "The data or the verifier changed since the plan was fixed."
        )
    return digest


def _end(review: Reverification, target: ReviewState, failure: AttemptFailed) -> None:
    fields: Mapping[str, Any] = {"failure": dict(failure.as_json())}
    review_move(review=review, target=target, fields=fields, evidence={"code": failure.code})


def _name(check: CheckResult) -> tuple[str, str | None]:
    return check.check, check.attack
