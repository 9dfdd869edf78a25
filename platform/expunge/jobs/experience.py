"""What the attempts on a model have taught: the numbers from which its next plan is made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from expunge.jobs.models import Attempt
from expunge.jobs.planner import UNFIT_CODES
from expunge.jobs.states import AttemptState
from expunge.jobs.track_record import Trials

REMEMBERED = 200
"""How many attempts back a plan looks: models and methods change."""


def trials_on(model_id: UUID, profile: str) -> Mapping[str, Trials]:
    """Return how each method did on a model, for tickets held to a profile.

    A method that diverged or did not fit has not passed; one that was stopped by a person, or by
    bad luck or bad input, has not been tried.
    """
    rows = (
        Attempt.objects.filter(
            job__original__model_id=model_id,
            job__ticket__profile=profile,
            state__in=[AttemptState.PASSED, AttemptState.REFUTED, AttemptState.ERRORED],
        )
        .order_by("-ended_at")
        .values("method", "state", "failure__code", "result__seconds", "report__seconds")
    )[:REMEMBERED]
    by_method: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["state"] != AttemptState.ERRORED or row["failure__code"] in UNFIT_CODES:
            by_method[row["method"]].append(row)
    return {method: _trials(own) for method, own in sorted(by_method.items())}


def _trials(rows: list[Mapping[str, Any]]) -> Trials:
    return Trials(
        tried=len(rows),
        passed=sum(row["state"] == AttemptState.PASSED for row in rows),
        unlearning=_mean(rows, "result__seconds"),
        verifying=_mean(rows, "report__seconds"),
    )


def _mean(rows: list[Mapping[str, Any]], name: str) -> float | None:
    """Return the mean of what was measured; what took no time at all was not."""
    values = [float(row[name]) for row in rows if row[name]]
    return sum(values) / len(values) if values else None
