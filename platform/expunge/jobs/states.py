"""The states of jobs, batches, attempts and re-verifications: one table each, pure Python."""

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


class BatchState(StrEnum):
    """Where one run on a model stands: gathering requests, waiting for a worker, at work, over."""

    OPEN = "open"
    QUEUED = "queued"
    RUNNING = "running"
    OVER = "over"


class ReviewState(StrEnum):
    """What became of a certified erasure on a later version of the model."""

    QUEUED = "queued"
    RUNNING = "running"
    HELD_UP = "held_up"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"
    ERRORED = "errored"


J, A, B, R = JobState, AttemptState, BatchState, ReviewState
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
BATCH_MOVES: Mapping[BatchState, frozenset[BatchState]] = {
    B.OPEN: frozenset({B.QUEUED}),
    B.QUEUED: frozenset({B.RUNNING, B.OVER}),
    B.RUNNING: frozenset({B.OVER}),
    B.OVER: frozenset(),
}
REVIEW_MOVES: Mapping[ReviewState, frozenset[ReviewState]] = {
    R.QUEUED: frozenset({R.RUNNING}),
    R.RUNNING: frozenset({R.HELD_UP, R.REGRESSED, R.INCONCLUSIVE, R.ERRORED}),
    R.HELD_UP: frozenset(),
    R.REGRESSED: frozenset(),
    R.INCONCLUSIVE: frozenset(),
    R.ERRORED: frozenset(),
}
BATCH_AT_WORK = frozenset({B.QUEUED, B.RUNNING})
ATTEMPT_OVER = frozenset({A.PASSED, A.REFUTED, A.ERRORED, A.CANCELLED})
