"""One attempt, from its lease to its verdict.

Preregister, unlearn, verify, conclude. Each step leaves a trace (a column, a file) by which
the next holder of the lease sees that it is done, so a crash between any two of them costs at
most the step that was under way. Only the conclusion (:mod:`expunge.jobs.conclusion`), one
transaction under the fencing token, moves attempt, job and ticket.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

from django.db import DatabaseError, transaction

from contract.canonical import read_json
from contract.event import Event
from contract.report import (
    PREREGISTRATION,
    PREREGISTRATION_FILE,
    REPORT_FILE,
    Report,
    read_report,
)
from contract.result import RESULT_FILE, ErrorCode, Failure, Result, read_result
from expunge.audit.actions import AuditAction
from expunge.jobs.conclusion import attempt_at_work, attempt_conclude, attempt_fail, attempt_stop
from expunge.jobs.configuration import configuration
from expunge.jobs.failures import (
    AttemptFailed,
    AttemptStopped,
    LeaseLost,
    from_exception,
    from_library,
)
from expunge.jobs.folder import (
    UNLEARN,
    VERIFY,
    attempt_path,
    candidate_add,
    folder_build,
    folder_remove,
    folders_sweep,
    run_lock,
)
from expunge.jobs.leases import Heart, Lease, lease_acquire, lease_write
from expunge.jobs.models import Attempt
from expunge.jobs.moves import attempt_audit
from expunge.jobs.runner import Runner
from expunge.jobs.slots import free_place

logger = logging.getLogger(__name__)

PROGRESS_SECONDS = 0.5
MESSAGE_LENGTH, PHASE_LENGTH = 300, 60


@dataclass(frozen=True)
class Work:
    """A leased attempt, its folder, and what runs the libraries in it."""

    lease: Lease
    attempt: Attempt
    home: Path
    runner: Runner


def attempt_execute(attempt_id: UUID) -> bool:
    """Run an attempt if there is a free place and its lease can be had; say whether it ran."""
    choices = configuration()
    folders_sweep()
    with free_place(choices) as place:
        if place is None:
            return False
        lease = lease_acquire(attempt_id)
        if lease is None:
            return False
        lock = run_lock(attempt_id)
        with Heart(lease) as heart:
            if not lock.evict():
                # Another host still works in a shared folder; the lease runs out meanwhile.
                return False
            try:
                home = attempt_path(attempt_id)
                runner = Runner(
                    choices, home, *place, lock=lock, heart=heart, progress=Progress(lease)
                )
                _to_the_end(lease, runner)
            finally:
                lock.release()
    return True


def _to_the_end(lease: Lease, runner: Runner) -> None:
    """Run the steps and conclude, whatever happens; the folder goes unless the lease is lost."""
    try:
        try:
            _steps(lease, runner)
        except AttemptStopped:
            attempt_stop(lease)
        except (LeaseLost, DatabaseError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, the attempt must end
            failure = from_exception(error)
            if failure.code == ErrorCode.CRASHED and not isinstance(error, AttemptFailed):
                _log_places(lease, error)
            attempt_fail(lease, failure)
    except LeaseLost:
        logger.warning("Attempt %s is in other hands now; its work here is void", lease.attempt_id)
        return
    folder_remove(lease.attempt_id)


def _steps(lease: Lease, runner: Runner) -> None:
    attempt = Attempt.objects.select_related("job__ticket", "job__original__model").get(
        pk=lease.attempt_id
    )
    lease_write(lease, phase="preparing", message="fetching model and records", done=0, total=0)
    work = Work(lease, attempt, folder_build(attempt), runner)
    digest = _preregister(work)
    result = _unlearn(work)
    candidate_add(work.home, result, digest)
    report = _verify(work, result, digest)
    attempt_conclude(lease, work.home / UNLEARN, result, report)


def _preregister(work: Work) -> str:
    """Fix what will be tested, before there is anything to test; returns its digest."""
    folder = work.home / VERIFY
    path = folder / PREREGISTRATION_FILE
    if not path.exists():
        _run(work, "verification", "preregister", folder)
    digest = PREREGISTRATION.validate_python(read_json(path)).digest
    with transaction.atomic():
        attempt = attempt_at_work(work.lease)
        if not attempt.preregistration:
            attempt.preregistration = digest
            attempt.save(update_fields=["preregistration"])
            data = {"digest": digest}
            attempt_audit(attempt, AuditAction.VERIFICATION_PREREGISTERED, data)
    if attempt.preregistration != digest:
        raise AttemptFailed(
            "preregistration_differs",
            "The plan of the verification is not the one that was fixed before the unlearning. "
            "The data or the verifier changed meanwhile; retry the ticket.",
        )
    return digest


def _unlearn(work: Work) -> Result:
    """Make the candidate, unless an earlier holder of the lease did."""
    folder = work.home / UNLEARN
    result = _finished_result(folder)
    if result is None:
        (folder / RESULT_FILE).unlink(missing_ok=True)
        _run(work, "unlearning", "run", folder)
        result = _finished_result(folder)
        if result is None:
            raise _broken("unlearning")
    lease_write(work.lease, result=read_json(folder / RESULT_FILE))
    return result


def _verify(work: Work, result: Result, preregistration: str) -> Report:
    """Examine the candidate, unless an earlier holder of the lease did."""
    folder = work.home / VERIFY
    report = _finished_report(folder)
    if report is None:
        (folder / REPORT_FILE).unlink(missing_ok=True)
        _run(work, "verification", "run", folder)
        report = _finished_report(folder)
        if report is None:
            raise _broken("verification")
    bound = report.preregistration == preregistration
    if not bound or result.model is None or report.candidate != result.model.digest:
        raise AttemptFailed(
            "report_differs", "The report is about another plan or another model than this one."
        )
    lease_write(work.lease, report=read_json(folder / REPORT_FILE))
    return report


def _run(
    work: Work,
    library: Literal["unlearning", "verification"],
    command: str,
    folder: Path,
) -> None:
    """Run a library; raises :class:`AttemptFailed` with its own sentence when it failed."""
    code = work.runner.run(library, command, folder)
    if code == 0:
        return
    failure = _failure_of(work, library, folder)
    if code == 1 and failure is not None:
        raise from_library(failure)
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    raise AttemptFailed(ErrorCode.CRASHED, f"The {library} process {how} and left no result.")


def _failure_of(work: Work, library: str, folder: Path) -> Failure | None:
    """Return a library's own failure: from its result, or the last line of what it printed."""
    with suppress(FileNotFoundError, ValueError):
        read = read_result if library == "unlearning" else read_report
        return read(folder).failure
    code, _, message = work.runner.last_words().partition(": ")
    return Failure(ErrorCode(code), message) if message and code in set(ErrorCode) else None


def _finished_result(folder: Path) -> Result | None:
    with suppress(FileNotFoundError, ValueError):
        result = read_result(folder)
        return result if result.status == "completed" else None
    return None


def _finished_report(folder: Path) -> Report | None:
    with suppress(FileNotFoundError, ValueError):
        report = read_report(folder)
        return report if report.failure is None else None
    return None


def _broken(library: str) -> AttemptFailed:
    return AttemptFailed(
        ErrorCode.CRASHED, f"The {library} process reported success but wrote no result."
    )


class Progress:
    """Shows the libraries' events on the attempt's row, at most twice a second."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._shown = 0.0

    def __call__(self, event: Event) -> None:
        """Write the event, unless one was written a moment ago."""
        if time.monotonic() - self._shown < PROGRESS_SECONDS:
            return
        self._shown = time.monotonic()
        lease_write(
            self._lease,
            phase=event.phase[:PHASE_LENGTH],
            message=event.message[:MESSAGE_LENGTH],
            done=event.done,
            total=event.total,
        )


def _log_places(lease: Lease, error: Exception) -> None:
    """Log where an unexpected error arose, but not its text, which may hold personal data."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    logger.error(
        "Attempt %s met %s at %s", lease.attempt_id, type(error).__name__, " > ".join(places)
    )
