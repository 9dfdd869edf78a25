"""Where a job stands on its ladder, as its attempts tell it: what is next, and whether any is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from expunge.accounts.selectors import policy_of
from expunge.jobs.configuration import configuration
from expunge.jobs.experience import trials_on
from expunge.jobs.models import Attempt, ErasureJob
from expunge.jobs.planner import Past, Step, ladder_for, next_step
from expunge.jobs.states import ATTEMPT_OVER, AttemptState, JobState
from expunge.jobs.track_record import Plan, benchmark, make_plan
from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState

STOPPED = frozenset({JobState.EXHAUSTED, JobState.CANCELLED})


def round_of(ticket: Ticket) -> int:
    """Count how often a ticket was set going again: by a retry, a release, a reopening."""
    return (
        ticket.moves.filter(target=TicketState.IN_PROGRESS)
        .exclude(source=TicketState.APPROVED)
        .count()
    )


def is_open(job: ErasureJob) -> bool:
    """Say whether there is more to come of this job without a person's doing."""
    if job.state in STOPPED:
        return job.round < round_of(job.ticket) or has_open_attempt(job)
    return job.state != JobState.PASSED


def is_due(job: ErasureJob) -> bool:
    """Say whether the job waits for its next attempt."""
    return is_open(job) and not has_open_attempt(job)


def has_open_attempt(job: ErasureJob) -> bool:
    """Say whether an attempt of the job is waiting or at work."""
    return job.attempts.exclude(state__in=[str(state) for state in ATTEMPT_OVER]).exists()


def step_of(job: ErasureJob) -> Step:
    """Return the job's next rung that the organisation's policy allows, or why there is none."""
    plan = plan_of(job)
    step = next_step(
        layout=job.original.layout,
        profile=job.ticket.profile,
        past=tuple(_past(attempt) for attempt in job.attempts.order_by("number")),
        round_number=job.round,
        allowed=policy_of(job.ticket.controller_id).ladder,
        plan=plan,
    )
    return replace(step, plan=plan)


def plan_of(job: ErasureJob) -> Plan | None:
    """Return the order learned from past attempts on the job's model; ``None``: the policy's own.

    Other profiles than ``behavioural`` begin with what the benchmark saw of the erasure tier.
    """
    if not configuration().learns:
        return None
    profile = job.ticket.profile
    allowed = policy_of(job.ticket.controller_id).ladder
    methods = [rung.method for rung in ladder_for(job.original.layout, profile, allowed)]
    tier = profile if profile in benchmark() else "erasure"
    trials = trials_on(job.original.model_id, profile)
    return make_plan(methods, trials, benchmark().get(tier, {})) if methods else None


def explain(job: ErasureJob, step: Step) -> str:
    """Return the sentence that says why a job ended without a pass."""
    last = job.attempts.order_by("number").last()
    failure = last.failure if last else None
    if failure and failure["code"] == step.code:
        return str(failure["message"])
    return f"{step.reason[:1].upper()}{step.reason[1:]}."


def finding_of(report: Mapping[str, Any]) -> str:
    """Name what refuted an attempt: the failed checks, else a failed gate, else what is open."""
    checks = [item for item in report.get("checks", ()) if item["mandatory"]]
    for verdict in ("fail", "inconclusive", "invalid"):
        names = dict.fromkeys(item["check"] for item in checks if item["verdict"] == verdict)
        if names:
            return " and ".join(name.replace("_", " ") for name in names)
        for item in report.get("gates", ()):
            if item["verdict"] == verdict:
                return f"the gate {item['name'].replace('_', ' ')}"
    return ""


def _past(attempt: Attempt) -> Past:
    return Past(
        method=attempt.method,
        state=AttemptState(attempt.state),
        code=(attempt.failure or {}).get("code", ""),
        finding=finding_of(attempt.report or {}),
        round=attempt.round,
        verdict=(attempt.report or {}).get("verdict", ""),
    )
