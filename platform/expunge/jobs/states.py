"""The states of an erasure job and of its attempts: two tables, pure Python."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class JobState(StrEnum):
    """Where the erasure of one ticket from one model version stands."""

    PLANNED = "planned"
    RUNNING = "running"
    PASSED = "passed"
    EXHAUSTED = "exhausted"
    CANCELLED = "cancelled"


class AttemptState(StrEnum):
    """Where one attempt (one method, run and then attacked) stands.

    ``passed``: verified. ``refuted``: it ran, and verification did not pass. ``errored``: it
    could not be run. ``cancelled``: a person or a legal hold stopped it.
    """

    QUEUED = "queued"
    RUNNING = "running"
    PASSED = "passed"
    REFUTED = "refuted"
    ERRORED = "errored"
    CANCELLED = "cancelled"


J, A = JobState, AttemptState
JOB_MOVES: Mapping[JobState, frozenset[JobState]] = {
    J.PLANNED: frozenset({J.RUNNING, J.CANCELLED}),
    J.RUNNING: frozenset({J.PASSED, J.EXHAUSTED, J.CANCELLED}),
    J.EXHAUSTED: frozenset({J.RUNNING}),
    J.PASSED: frozenset(),
    J.CANCELLED: frozenset({J.RUNNING}),
}
ATTEMPT_MOVES: Mapping[AttemptState, frozenset[AttemptState]] = {
    A.QUEUED: frozenset({A.RUNNING, A.CANCELLED}),
    A.RUNNING: frozenset({A.PASSED, A.REFUTED, A.ERRORED, A.CANCELLED}),
    A.PASSED: frozenset(),
    A.REFUTED: frozenset(),
    A.ERRORED: frozenset(),
    A.CANCELLED: frozenset(),
}
ATTEMPT_OVER = frozenset({A.PASSED, A.REFUTED, A.ERRORED, A.CANCELLED})
