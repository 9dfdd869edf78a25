"""An attempt as a person reads it: what was tried, what the attack found, why it went on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError

from contract.report import REPORT, Chart, CheckResult, Estimate, Report, Verdict
from expunge.jobs.catalog import catalog
from expunge.jobs.models import Attempt, ErasureJob
from expunge.jobs.states import ATTEMPT_OVER, AttemptState, JobState
from expunge.registry.models import ModelVersion
from expunge.web.borrowed import said
from expunge.web.words import method_title

METHOD = re.compile(rf"\b({'|'.join(re.escape(card.name) for card in catalog().methods)})\b")
METRIC_WORDS = {
    "steps": _("steps"),
    "forward_passes": _("forward passes"),
    "loss": _("last loss"),
    "peak_memory_bytes": _("bytes of memory at most"),
}


@dataclass(frozen=True)
class EstimateReading:
    """A statistic of a check on the new model, and the same one on the original."""

    now: Estimate
    before: Estimate | None


@dataclass(frozen=True)
class CheckReading:
    """A check with its estimates paired with those of the original model."""

    result: CheckResult
    estimates: Sequence[EstimateReading]


@dataclass(frozen=True)
class PlanReading:
    """The learned order of methods: which comes ``first``, and every line in its order."""

    first: str
    lines: Sequence[dict[str, Any]]


@dataclass(frozen=True)
class AttemptReading:
    """Everything a page shows of an attempt. ``next_reason`` says why another one followed."""

    attempt: Attempt
    report: Report | None
    checks: Sequence[CheckReading]
    charts: Sequence[Chart]
    failure: str
    reason: str
    next_reason: str
    plan: PlanReading | None

    @property
    def live(self) -> bool:
        """Say whether it is still running or waiting."""
        return AttemptState(self.attempt.state) not in ATTEMPT_OVER

    @property
    def seconds(self) -> float | None:
        """Return how long the method and its verification took."""
        if self.attempt.started_at is None or self.attempt.ended_at is None:
            return None
        return (self.attempt.ended_at - self.attempt.started_at).total_seconds()

    @property
    def measures(self) -> Sequence[tuple[str | Promise, float]]:
        """Return what the method reports of itself, in words."""
        metrics: dict[str, Any] = (self.attempt.result or {}).get("metrics", {})
        return [(word, metrics[name]) for name, word in METRIC_WORDS.items() if name in metrics]

    @property
    def against(self) -> Sequence[CheckReading]:
        """Return the mandatory checks that did not pass."""
        return [
            check
            for check in self.checks
            if check.result.mandatory
            and check.result.verdict not in {Verdict.PASS, Verdict.NOT_APPLICABLE}
        ]


@dataclass(frozen=True)
class JobReading:
    """The erasure from one model version, attempt by attempt."""

    job: ErasureJob
    attempts: Sequence[AttemptReading]

    @property
    def original(self) -> ModelVersion:
        """Return the version the data is erased from."""
        return self.job.original

    @property
    def open(self) -> bool:
        """Say whether the job can still be cancelled."""
        return self.job.state in {JobState.PLANNED, JobState.RUNNING}


def read_job(job: ErasureJob) -> JobReading:
    """Read a job with its attempts."""
    attempts = list(job.attempts.all())
    followers = [*attempts[1:], None]
    return JobReading(
        job,
        [
            read_attempt(attempt, follower.reason if follower else "")
            for attempt, follower in zip(attempts, followers, strict=True)
        ],
    )


def read_attempt(attempt: Attempt, next_reason: str = "") -> AttemptReading:
    """Read an attempt; a report that cannot be read shows as none."""
    report = _report(attempt.report)
    checks = report.checks if report else ()
    return AttemptReading(
        attempt=attempt,
        report=report,
        checks=[_check(result) for result in checks],
        charts=[chart for result in checks for chart in result.charts],
        failure=(attempt.failure or {}).get("message", ""),
        reason=plain(attempt.reason),
        next_reason=plain(next_reason),
        plan=_plan(attempt.plan),
    )


def plain(reason: str) -> str:
    """Return a planner's sentence in the reader's words, with the methods' titles."""
    return METHOD.sub(lambda found: method_title(found[0]), said(reason))


def stamp(jobs: Iterable[JobReading], *others: str) -> str:
    """Return a digest that changes when anything but the mere progress changes."""
    states = [
        f"{job.job.pk}:{job.job.state}:{item.attempt.pk}:{item.attempt.state}"
        for job in jobs
        for item in (job.attempts or [])
    ]
    planned = [f"{job.job.pk}:{job.job.state}" for job in jobs]
    return hashlib.sha256("|".join([*others, *planned, *states]).encode()).hexdigest()[:16]


def _plan(plan: dict[str, Any]) -> PlanReading | None:
    """Return a plan with its lines as they are tried, those left out at the end."""
    if not plan.get("order"):
        return None
    lines = sorted(plan["lines"], key=lambda line: line["place"] or len(plan["lines"]) + 1)
    return PlanReading(plan["order"][0], lines)


def _report(data: Any) -> Report | None:
    try:
        return REPORT.validate_python(data) if data else None
    except ValidationError:
        return None


def _check(result: CheckResult) -> CheckReading:
    before = {estimate.name: estimate for estimate in result.before}
    return CheckReading(
        result, [EstimateReading(item, before.get(item.name)) for item in result.estimates]
    )
