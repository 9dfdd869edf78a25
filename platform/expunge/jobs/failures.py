"""Why an attempt could not be run, as data that the planner, the pages and the API read."""

from __future__ import annotations

import errno
from collections.abc import Mapping

from contract.result import ErrorCode, Failure
from expunge.common.errors import DomainError

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


class AttemptFailed(Exception):  # noqa: N818 - an outcome of the attempt, not a defect of the program
    """The attempt cannot go on; ``code`` and ``message`` end up in ``Attempt.failure``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def as_json(self) -> Mapping[str, str]:
        """Return the failure as it is stored."""
        return {"code": self.code, "message": self.message}


class AttemptStopped(Exception):  # noqa: N818 - the same
    """A person or a legal hold stopped the attempt."""


class LeaseLost(Exception):  # noqa: N818 - the same
    """Another worker holds the attempt now, or it is over: nothing more may be written."""


def from_library(failure: Failure) -> AttemptFailed:
    """Turn a library's failure into ours."""
    return AttemptFailed(failure.code.value, failure.message)


def from_exception(error: Exception) -> AttemptFailed:
    """Turn what went wrong on our side into a failure; texts of foreign errors stay out."""
    if isinstance(error, AttemptFailed):
        return error
    if isinstance(error, DomainError):
        return AttemptFailed(error.code, error.message)
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return AttemptFailed(
            ErrorCode.DISK_FULL, "The worker's disk is full. Free space, then retry the ticket."
        )
    return AttemptFailed(
        ErrorCode.CRASHED,
        f"The worker met an unexpected {type(error).__name__}; its log says where.",
    )
