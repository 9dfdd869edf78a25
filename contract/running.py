"""What both libraries do around a job: stop when asked to, and name what went wrong.

What an exception says may hold record text, so it never leaves the process: a failure is a code
and a sentence of ours, and the error output shows where it happened without the message.
"""

from __future__ import annotations

import errno
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from contract.result import ErrorCode, Failure, JobError

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NO_SPACE_WORDS = ("No space left", "os error 28", "os error 27", "File too large")
NO_MEMORY_WORDS = ("out of memory", "not enough memory", "can't allocate memory")


@contextmanager
def terminate_sets(stop: threading.Event) -> Iterator[None]:
    """Make SIGTERM ask the job to stop at its next step; does nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def failure_of(error: BaseException, what: str = "job") -> Failure:
    """Return the code and the sentence for an exception, looking through its causes.

    For one that nobody foresaw, the error output gets the places it passed through.
    """
    chain = list(_chain(error))
    for item in chain:
        if isinstance(item, JobError):
            return Failure(item.code, item.message)
    if any(_is_no_space(item) for item in chain):
        message = "the disk is full (or a file limit was reached); free space and run it again"
        return Failure(ErrorCode.DISK_FULL, message)
    if any(_is_no_memory(item) for item in chain):
        message = "memory ran out; use a smaller batch or a larger machine"
        return Failure(ErrorCode.OUT_OF_MEMORY, message)
    if isinstance(error, KeyboardInterrupt):
        return Failure(ErrorCode.CANCELLED, f"the {what} was interrupted before it finished")
    name = type(error).__name__
    sys.stderr.write("".join(traceback.format_tb(error.__traceback__)))
    sys.stderr.write(f"{name} (its message may hold record text: not shown)\n")
    message = f"the {what} stopped with an unexpected {name}; see its error output"
    return Failure(ErrorCode.CRASHED, message)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_no_space(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return True
    return any(word in str(error) for word in NO_SPACE_WORDS)


def _is_no_memory(error: BaseException) -> bool:
    """Recognise it by word too: torch's own error is a RuntimeError and this imports no torch."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in NO_MEMORY_WORDS)
