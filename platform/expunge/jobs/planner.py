"""Which method comes next: a ladder as data, and one pure function over what was tried.

The order is the ladder's own, weakest first, or one that was learned from past attempts
(:mod:`expunge.jobs.track_record`), always among what the policy allows.

A rung is left when verification finds the person in what it made, when the method diverges or
does not fit the model, or when it could not be run several times over. What verification did not
*settle* (inconclusive: nothing was found, and absence not shown) is no finding against the method,
so a rung that draws its start anew may be tried a second time before the next one; the verifier
holds every further candidate of a request to a stricter level. Bad input (a missing model, a
changed dataset, a full disk) stops the ladder: no method can mend it, a person can. After a
person's retry the ladder goes on at the rung that was stopped, or tries the strongest one again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from contract.catalog import Effect
from contract.report import Verdict
from contract.result import ErrorCode
from expunge.jobs.states import AttemptState
from expunge.jobs.track_record import Plan

RUNS_PER_RUNG = 2
"""How often a rung that could not be run is tried in one round."""


@dataclass(frozen=True)
class Rung:
    """A method with its settings, the model layouts it fits, and the profile it is held to.

    ``profile`` overrides the ticket's: an exact route is verified as one. ``tries``: how often it
    may be tried for one request while nothing is found against it. More than once only if the
    method's card says that it draws anew: another try of any other method shows the verifier the
    same model again, and one that removes nothing might pass by chance.
    """

    method: str
    title: str
    effect: Effect
    layouts: frozenset[str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    profile: str | None = None
    tries: int = 1


WHOLE, SHARDED = frozenset({"whole"}), frozenset({"sharded"})
LADDER = (
    Rung(
        "drop_shard", "drop and retrain the shard", Effect.EXACT, SHARDED, profile="exact", tries=2
    ),
    Rung("npo", "negative preference optimisation", Effect.REMOVAL, WHOLE),
    Rung("renew", "shrink, perturb, relearn", Effect.REMOVAL, WHOLE, tries=2),
    Rung("retrain", "full retrain", Effect.EXACT, WHOLE | SHARDED, profile="exact", tries=2),
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


_METHODS = frozenset(rung.method for rung in LADDER)


class Outcome(StrEnum):
    """What an attempt that is over means for the ladder."""

    REFUTED = "refuted"
    UNSETTLED = "unsettled"
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

    ``code`` is its error code, ``finding`` the name of the check that refuted it or left it open,
    ``verdict`` its report's, ``round`` how often a person had set the ticket going again before it.
    """

    method: str
    state: AttemptState
    code: str = ""
    finding: str = ""
    round: int = 0
    verdict: str = ""

    @property
    def outcome(self) -> Outcome:
        """Say what this attempt means for the ladder."""
        if self.state is AttemptState.REFUTED:
            open_still = self.verdict == Verdict.INCONCLUSIVE
            return Outcome.UNSETTLED if open_still else Outcome.REFUTED
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
        return _nothing(layout, allowed)
    if not past:
        first = f"{ladder[0].method} is the first rung for a {layout} model"
        return Step(ladder[0], f"{first}{_stale(allowed)}")
    rung = rungs.get(past[-1].method)
    again = _again(rung, past, round_number) if rung else None
    return again or _escalate(ladder, past, round_number, planned=plan is not None)


def _nothing(layout: str, allowed: Collection[str]) -> Step:
    why = "the policy allows no method that" if allowed else "no method"
    reason = f"{why} fits a model of the layout '{layout}'{_stale(allowed)}"
    return Step(None, reason, "no_method")


def _stale(allowed: Collection[str]) -> str:
    """Name what a policy allows and no ladder has any more, as the end of a sentence."""
    names = " and ".join(sorted(set(allowed) - _METHODS))
    return f"; the policy names {names}, which no ladder has any more" if names else ""


def _again(rung: Rung, past: Sequence[Past], round_number: int) -> Step | None:
    """Return the step that runs an interrupted rung again or stops at it, if it was interrupted."""
    last = past[-1]
    if last.outcome is Outcome.CANCELLED:
        return Step(rung, f"{rung.method} was stopped before it ended; running it again")
    if last.outcome is Outcome.BLOCKED and last.round < round_number:
        return Step(rung, f"a person retries {rung.method} after its input stopped it")
    if last.outcome is Outcome.BLOCKED:
        return Step(None, f"{rung.method} cannot be run until someone acts", last.code)
    if last.outcome is Outcome.UNLUCKY and _unlucky(past, last) < RUNS_PER_RUNG:
        return Step(rung, f"{rung.method} {_trouble(last)}; trying it once more")
    return None


def _escalate(
    ladder: Sequence[Rung], past: Sequence[Past], round_number: int, *, planned: bool
) -> Step:
    """Try the same rung anew or go on; at the top only a person's retry leads on."""
    last = past[-1]
    gone = last.method not in _METHODS
    why = f"{last.method} {'is on no ladder any more' if gone else _trouble(last)}"
    left = _left(ladder, past, planned=planned)
    if left and left[0].method == last.method:
        return Step(left[0], f"{why}; trying it once more with a fresh seed")
    if left:
        return Step(left[0], f"{why}; escalating to {left[0].method}")
    if last.round < round_number:
        return Step(ladder[-1], f"a person retries {last.method}, with another seed")
    return Step(None, f"{why}; no stronger method is left", "ladder_exhausted")


def _left(ladder: Sequence[Rung], past: Sequence[Past], *, planned: bool) -> Sequence[Rung]:
    """Return the rungs that may still be tried; none once the strongest may not.

    A learned order changes with what is learned, so there it is not where a method stands that
    counts. The ladder's own order never goes back down.
    """
    if _is_spent(ladder[-1], past):
        return ()
    methods = [rung.method for rung in ladder]
    at = methods.index(past[-1].method) if past[-1].method in methods and not planned else 0
    return [rung for rung in ladder[at:] if not _is_spent(rung, past)]


def _is_spent(rung: Rung, past: Sequence[Past]) -> bool:
    """Say whether a method failed for good, or was left open as often as it may be tried."""
    own = [item.outcome for item in past if item.method == rung.method]
    final = {Outcome.REFUTED, Outcome.UNFIT, Outcome.UNLUCKY}
    return bool(final & set(own)) or own.count(Outcome.UNSETTLED) >= rung.tries


def _unlucky(past: Sequence[Past], last: Past) -> int:
    """Count the runs of the last method in its round that could not be run for bad luck."""
    own = [item for item in past if (item.method, item.round) == (last.method, last.round)]
    return sum(item.outcome is Outcome.UNLUCKY for item in own)


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


def _trouble(last: Past) -> str:
    if last.code:
        return _TROUBLES.get(last.code, "could not be run")
    if not last.finding:
        return "was not verified"
    how = "was not settled" if last.outcome is Outcome.UNSETTLED else "was refuted"
    return f"{how} by {last.finding}"
