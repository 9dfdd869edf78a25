"""Which method comes next: a ladder as data, and one pure function over what was tried.

The order is the ladder's own, weakest first, or one that was learned from past attempts
(:mod:`expunge.jobs.track_record`), always among what the policy allows.

A rung is left when verification does not pass it, when the method diverges or does not fit the
model, or when it could not be run several times over. Bad input (a missing model, a changed
dataset, a full disk) stops the ladder: no method can mend it, a person can. After a person's
retry the ladder goes on at the rung that was stopped, or tries the strongest one again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from contract.catalog import Effect
from contract.result import ErrorCode
from expunge.jobs.states import AttemptState
from expunge.jobs.track_record import Plan

RUNS_PER_RUNG = 2
"""How often a rung that could not be run is tried in one round."""


@dataclass(frozen=True)
class Rung:
    """A method with its settings, the model layouts it fits, and the profile it is held to.

    ``profile`` overrides the ticket's: an exact route is verified as one.
    """

    method: str
    title: str
    effect: Effect
    layouts: frozenset[str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    profile: str | None = None


WHOLE, SHARDED = frozenset({"whole"}), frozenset({"sharded"})
LADDER = (
    Rung("drop_shard", "drop and retrain the shard", Effect.EXACT, SHARDED, profile="exact"),
    Rung("npo", "negative preference optimisation", Effect.REMOVAL, WHOLE),
    Rung("renew", "shrink, perturb, relearn", Effect.REMOVAL, WHOLE),
    Rung("retrain", "full retrain", Effect.EXACT, WHOLE | SHARDED, profile="exact"),
)
LADDERS: Mapping[str, tuple[Rung, ...]] = MappingProxyType(
    {
        "behavioural": tuple(replace(rung, profile=None) for rung in LADDER),
        "erasure": LADDER,
        "exact": (LADDER[0], LADDER[-1]),
        "gdpr": LADDER,
        "hipaa": LADDER,
    }
)
"""The ladder of each verification profile; one that asks for exactness has exact rungs only."""


class Outcome(StrEnum):
    """What an attempt that is over means for the ladder."""

    REFUTED = "refuted"
    UNFIT = "unfit"
    UNLUCKY = "unlucky"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"


TIMED_OUT = "timed_out"
HOPELESS = "cannot_be_verified"
"""The gates that need no candidate were not passed: whatever the method makes, it cannot pass."""
UNFIT_CODES = frozenset({ErrorCode.DIVERGED, ErrorCode.NOT_SUPPORTED, TIMED_OUT, HOPELESS})
UNLUCKY_CODES = frozenset({ErrorCode.OUT_OF_MEMORY, ErrorCode.CRASHED})


@dataclass(frozen=True)
class Past:
    """An attempt that is over.

    ``code`` is its error code, ``finding`` the name of the check that refuted it, ``round``
    how often a person had set the ticket going again before it.
    """

    method: str
    state: AttemptState
    code: str = ""
    finding: str = ""
    round: int = 0

    @property
    def outcome(self) -> Outcome:
        """Say what this attempt means for the ladder."""
        if self.state is AttemptState.REFUTED:
            return Outcome.REFUTED
        if self.state is AttemptState.CANCELLED:
            return Outcome.CANCELLED
        if self.code in UNFIT_CODES:
            return Outcome.UNFIT
        return Outcome.UNLUCKY if self.code in UNLUCKY_CODES else Outcome.BLOCKED


@dataclass(frozen=True)
class Step:
    """What to do next: try ``rung``, or stop when it is ``None``; ``reason`` is a sentence.

    ``plan`` is the learned order that led to it, if one did.
    """

    rung: Rung | None
    reason: str
    code: str = ""
    plan: Plan | None = None


def ladder_for(layout: str, profile: str, allowed: Collection[str] = ()) -> tuple[Rung, ...]:
    """Return the rungs that fit a model's layout, weakest first; of ``allowed``, if any is."""
    fitting = (rung for rung in LADDERS.get(profile, LADDER) if layout in rung.layouts)
    return tuple(rung for rung in fitting if not allowed or rung.method in allowed)


def next_step(  # noqa: PLR0913 - what a step follows from
    *,
    layout: str,
    profile: str,
    past: Sequence[Past],
    round_number: int = 0,
    allowed: Collection[str] = (),
    plan: Plan | None = None,
) -> Step:
    """Return the next rung, or why there is none.

    ``past`` is in order; none of it passed. ``round_number`` counts how often a person set the
    ticket going again (a retry, the release of a hold). ``allowed`` names the methods that the
    organisation's policy lets be tried; empty means all. ``plan`` orders them anew.
    """
    rungs = {rung.method: rung for rung in ladder_for(layout, profile, allowed)}
    order = rungs if plan is None else plan.order
    ladder = tuple(rungs[method] for method in order if method in rungs)
    if not ladder:
        why = "the policy allows no method that" if allowed else "no method"
        return Step(None, f"{why} fits a model of the layout '{layout}'", "no_method")
    if not past:
        return Step(ladder[0], f"{ladder[0].method} is the first rung for a {layout} model")
    last = past[-1]
    rung = rungs.get(last.method, ladder[0])
    if last.outcome is Outcome.CANCELLED:
        return Step(rung, f"{rung.method} was stopped before it ended; running it again")
    if last.outcome is Outcome.BLOCKED:
        return _blocked(rung, last, round_number)
    if last.outcome is Outcome.UNLUCKY and _runs(past, rung.method, round_number) < RUNS_PER_RUNG:
        return Step(rung, f"{rung.method} {_trouble(last.code)}; trying it once more")
    return _escalate(ladder, past, round_number, planned=plan is not None)


def _blocked(rung: Rung, last: Past, round_number: int) -> Step:
    if last.round < round_number:
        return Step(rung, f"a person retries {rung.method} after its input stopped it")
    return Step(None, f"{rung.method} cannot be run until someone acts", last.code)


def _escalate(
    ladder: Sequence[Rung], past: Sequence[Past], round_number: int, *, planned: bool
) -> Step:
    """Go on to the next rung; at the top only a person's retry leads on, with another seed."""
    last = past[-1]
    why = f"{last.method} {_trouble(last.code, last.finding)}"
    above = _untried(ladder, past) if planned else _above(ladder, last.method)
    if above:
        return Step(above[0], f"{why}; escalating to {above[0].method}")
    if last.round < round_number:
        return Step(ladder[-1], f"a person retries {last.method}, with another seed")
    return Step(None, f"{why}; no stronger method is left", "ladder_exhausted")


def _above(ladder: Sequence[Rung], method: str) -> Sequence[Rung]:
    """Return the rungs above a method; all, when it is not on this ladder."""
    methods = [rung.method for rung in ladder]
    return ladder[methods.index(method) + 1 :] if method in methods else ladder


def _untried(ladder: Sequence[Rung], past: Sequence[Past]) -> Sequence[Rung]:
    """Return the rungs that did not fail yet; none once the last one did, for it is the strongest.

    A learned order changes with what is learned, so it is not where a method stands that counts.
    """
    failed = {
        item.method for item in past if item.outcome not in {Outcome.BLOCKED, Outcome.CANCELLED}
    }
    if ladder[-1].method in failed:
        return ()
    return [rung for rung in ladder if rung.method not in failed]


def _runs(past: Sequence[Past], method: str, round_number: int) -> int:
    """Count the runs of a method in this round that did not end by someone's wish."""
    return sum(
        item.method == method
        and item.round == round_number
        and item.outcome is not Outcome.CANCELLED
        for item in past
    )


_TROUBLES: Mapping[str, str] = MappingProxyType(
    {
        ErrorCode.DIVERGED: "diverged",
        ErrorCode.NOT_SUPPORTED: "does not fit this model",
        ErrorCode.OUT_OF_MEMORY: "ran out of memory",
        ErrorCode.CRASHED: "crashed",
        TIMED_OUT: "took longer than allowed",
        HOPELESS: "could not have been verified here",
    }
)


def _trouble(code: str, finding: str = "") -> str:
    if code:
        return _TROUBLES.get(code, "could not be run")
    return f"was refuted by {finding}" if finding else "was not verified"
