"""Running the two libraries in a job folder, and believing their files only when they fit."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from contract.canonical import read_json
from contract.report import (
    PREREGISTRATION,
    PREREGISTRATION_FILE,
    REPORT_FILE,
    Report,
    read_outlook,
    read_report,
)
from contract.result import ErrorCode, Failure, Result, read_result
from expunge.jobs.failures import AttemptFailed, from_library
from expunge.jobs.planner import HOPELESS
from expunge.jobs.runner import Runner

logger = logging.getLogger(__name__)


def library_run(
    runner: Runner, library: Literal["unlearning", "verification"], command: str, folder: Path
) -> None:
    """Run a library; raises :class:`AttemptFailed` with its own sentence when it failed."""
    code = runner.run(library, command, folder)
    if code == 0:
        return
    failure = _failure_of(runner, library, folder)
    if code == 1 and failure is not None:
        raise from_library(failure)
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    raise AttemptFailed(ErrorCode.CRASHED, f"The {library} process {how} and left no result.")


def plan_digest(runner: Runner, folder: Path) -> str:
    """Return the digest of the verifier's plan, made now unless it was before."""
    path = folder / PREREGISTRATION_FILE
    if not path.exists():
        library_run(runner, "verification", "preregister", folder)
    return PREREGISTRATION.validate_python(read_json(path)).digest


def hopeless_refuse(folder: Path) -> None:
    """Refuse to begin what cannot be verified whatever comes of it, by the gates known now.

    Raises :class:`AttemptFailed` with the verifier's reasons.
    """
    with suppress(FileNotFoundError, ValueError):
        if reasons := read_outlook(folder).hopeless:
            raise AttemptFailed(
                HOPELESS,
                "Whatever the method made could not be verified here, so it was not run. "
                + " ".join(f"{reason[:1].upper()}{reason[1:]}." for reason in reasons),
            )


def report_of(runner: Runner, folder: Path, preregistration: str, candidate: str) -> dict[str, Any]:
    """Return the report, as data, on the model with this digest, made now unless it was before.

    Raises :class:`AttemptFailed` when it is about another plan or another model.
    """
    report = _finished_report(folder)
    if report is None:
        (folder / REPORT_FILE).unlink(missing_ok=True)
        library_run(runner, "verification", "run", folder)
        report = _finished_report(folder)
        if report is None:
            raise AttemptFailed(
                ErrorCode.CRASHED,
                "The verification process reported success but wrote no result.",
            )
    if (report.preregistration, report.candidate) != (preregistration, candidate):
        raise AttemptFailed(
            "report_differs", "The report is about another plan or another model than this one."
        )
    return dict(read_json(folder / REPORT_FILE))


def finished_result(folder: Path) -> Result | None:
    """Return the result of an unlearning run that was completed, if there is one."""
    with suppress(FileNotFoundError, ValueError):
        result = read_result(folder)
        return result if result.status == "completed" else None
    return None


def log_places(work_id: UUID, error: Exception) -> None:
    """Log where an unexpected error arose, but not its text, which may hold personal data."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    logger.error("Work %s met %s at %s", work_id, type(error).__name__, " > ".join(places))


def _finished_report(folder: Path) -> Report | None:
    with suppress(FileNotFoundError, ValueError):
        report = read_report(folder)
        return report if report.failure is None else None
    return None


def _failure_of(runner: Runner, library: str, folder: Path) -> Failure | None:
    """Return a library's own failure: from its result, or the last line of what it printed."""
    with suppress(FileNotFoundError, ValueError):
        read = read_result if library == "unlearning" else read_report
        return read(folder).failure
    code, _, message = runner.last_words().partition(": ")
    return Failure(ErrorCode(code), message) if message and code in set(ErrorCode) else None
