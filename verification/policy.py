"""From gates and check results to a verdict: the only place where one is given.

1. Validity gates come first: without them no number means anything.
2. FAIL is a union claim (any one piece of evidence is enough), so the leak p-values of the
   mandatory checks are corrected by Holm's method before one may fail the model.
3. PASS is an intersection claim (every mandatory check passed), each at the full level.
4. Everything else is INCONCLUSIVE, with what would resolve it. A check that is missing never
   counts as passed.

A check's own FAIL must stand without a p-value: an interval wholly beyond its margin, a unique
string reproduced word for word, a floor. "Its p-value is small" is left in ``p_leak`` for the
correction here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from contract.catalog import Effect
from contract.report import CheckResult, Gate, Tier, Verdict
from verification.limits import limits_of
from verification.profiles import PASS_ONLY_GATES, Profile, Requirement
from verification.statistics import holm

Mechanism = Literal["removed", "suppressed", "unknown"]
_SUPPRESSION = frozenset({Effect.WEIGHT_SUPPRESSION, Effect.SERVE_SUPPRESSION})
_UTILITY = "utility"


@dataclass(frozen=True)
class Evidence:
    """What a verification gathered. ``effect`` is what the method that made the model claims."""

    gates: tuple[Gate, ...]
    checks: tuple[CheckResult, ...]
    effect: Effect | None
    records: int
    twins: int
    twin_subjects: int


@dataclass(frozen=True)
class Decision:
    """A verdict with its tier, mechanism, words and limits.

    ``checks`` are the results as the policy settled them: ``mandatory`` as the profile says, and
    FAIL where the corrected leak test found the person.
    """

    verdict: Verdict
    summary: str
    checks: tuple[CheckResult, ...]
    tier: Tier | None = None
    mechanism: Mechanism = "unknown"
    reasons: tuple[str, ...] = ()
    limits: tuple[str, ...] = field(default=())


def decide(profile: Profile, evidence: Evidence) -> Decision:
    """Apply the profile to the evidence."""
    checks = settle(profile, evidence.checks)
    mandatory = tuple(item for item in checks if item.mandatory)
    verdict, reasons = _verdict(profile, evidence, mandatory)
    passed = verdict is Verdict.PASS
    return Decision(
        verdict=verdict,
        tier=_tier(profile, evidence.effect) if passed else None,
        mechanism=_mechanism(profile, evidence.effect, checks, passed=passed),
        summary=_summary(verdict, evidence, mandatory, reasons),
        reasons=reasons,
        limits=limits_of(profile, checks, evidence.records, evidence.twins, evidence.twin_subjects),
        checks=checks,
    )


def settle(profile: Profile, checks: Sequence[CheckResult]) -> tuple[CheckResult, ...]:
    """Mark the mandatory results and fail those whose Holm-adjusted leak p-value is below alpha."""
    marked = [
        replace(item, mandatory=profile.requirement(item.check, item.attack) is not None)
        for item in checks
    ]
    leaks = [
        (index, estimate)
        for index, item in enumerate(marked)
        for estimate in item.estimates
        if item.mandatory and estimate.p_leak is not None
    ]
    adjusted = holm(float(estimate.p_leak or 0.0) for _, estimate in leaks)
    for (index, estimate), p_value in zip(leaks, adjusted, strict=True):
        if p_value < profile.alpha:
            reason = (
                f"{estimate.name}: the records are told from never-trained ones "
                f"(p = {p_value:.2g} after correction for {len(leaks)} tests)"
            )
            item = marked[index]
            marked[index] = replace(item, verdict=Verdict.FAIL, reasons=(*item.reasons, reason))
    return tuple(marked)


def _verdict(
    profile: Profile, evidence: Evidence, mandatory: Sequence[CheckResult]
) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict and the reasons for it, by the order of the module's docstring."""
    blocking, pass_blocking = _gate_findings(profile, evidence.gates)
    for verdict in (Verdict.INVALID, Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE):
        if found := tuple(reason for kind, reason in blocking if kind is verdict):
            return verdict, found
    for verdict in (Verdict.FAIL, Verdict.INVALID):
        if found := _reasons(mandatory, verdict):
            return verdict, found
    open_questions = (
        *(reason for _, reason in pass_blocking),
        *_unmet(profile, mandatory),
        *_effect_objections(profile, evidence.effect),
    )
    if open_questions:
        return Verdict.INCONCLUSIVE, open_questions
    return Verdict.PASS, ()


def _gate_findings(
    profile: Profile, gates: Sequence[Gate]
) -> tuple[list[tuple[Verdict, str]], list[tuple[Verdict, str]]]:
    """Return what blocks every verdict and what blocks only a pass.

    A gate that failed makes the verification invalid when it is about *what* was tested
    (digests, preregistration) and inconclusive when it is about how well.
    """
    blocking: list[tuple[Verdict, str]] = []
    pass_blocking: list[tuple[Verdict, str]] = []
    by_name: dict[str, list[Gate]] = {}
    for gate in gates:
        by_name.setdefault(gate.name, []).append(gate)
    for name in profile.gates:
        found = by_name.pop(name, [])
        if not found:
            finding = (Verdict.INCONCLUSIVE, f"the validity gate {name} was not evaluated")
            (pass_blocking if name in PASS_ONLY_GATES else blocking).append(finding)
        for gate in found:
            if gate.verdict is Verdict.PASS:
                continue
            finding = (_gate_verdict(gate), f"{gate.title}: {gate.reason}")
            (pass_blocking if name in PASS_ONLY_GATES else blocking).append(finding)
    extra = [gate for left in by_name.values() for gate in left]
    blocking += [
        (_gate_verdict(gate), f"{gate.title}: {gate.reason}")
        for gate in extra
        if gate.verdict in {Verdict.FAIL, Verdict.INVALID}
    ]
    return blocking, pass_blocking


def _gate_verdict(gate: Gate) -> Verdict:
    """Return what an unpassed gate makes of the whole verification."""
    identity = gate.name in {"digests", "preregistration"}
    if gate.verdict is Verdict.INVALID or (identity and gate.verdict is Verdict.FAIL):
        return Verdict.INVALID
    if gate.name == "positive_control" and gate.verdict is Verdict.NOT_APPLICABLE:
        return Verdict.NOT_APPLICABLE
    return Verdict.INCONCLUSIVE


def _reasons(results: Sequence[CheckResult], verdict: Verdict) -> tuple[str, ...]:
    """Return the labelled reasons of all results with that verdict."""
    return tuple(
        f"{label(item)}: {reason}"
        for item in results
        if item.verdict is verdict
        for reason in (item.reasons or (item.reading,))
    )


def label(result: CheckResult) -> str:
    """Return a result's title, with its attack."""
    return f"{result.title} ({result.attack})" if result.attack else result.title


def _unmet(profile: Profile, mandatory: Sequence[CheckResult]) -> tuple[str, ...]:
    """Return, for every requirement that was not met, what is missing."""
    found: list[str] = []
    for requirement in profile.requirements:
        answers = [
            item
            for item in mandatory
            if (item.check, item.attack) == (requirement.check, requirement.attack)
        ]
        if not answers:
            name = requirement.check + (f" ({requirement.attack})" if requirement.attack else "")
            found.append(f"the mandatory check {name} was not run; run it to resolve this")
        for item in answers:
            if not _met(requirement, item):
                found += [f"{label(item)}: {why}" for why in (item.reasons or (item.reading,))]
    return tuple(found)


def _met(requirement: Requirement, result: CheckResult) -> bool:
    return result.verdict is Verdict.PASS or (
        requirement.may_not_apply and result.verdict is Verdict.NOT_APPLICABLE
    )


def _effect_objections(profile: Profile, effect: Effect | None) -> tuple[str, ...]:
    """Return why a method of that effect cannot be granted what the profile grants."""
    if profile.grants is Tier.EXACT and effect is not Effect.EXACT:
        return (
            (
                "only an exact method (the data took no part in training) can pass this profile; "
                "use the exact route, or the erasure profile"
            ),
        )
    if profile.grants is not Tier.BEHAVIOURAL and effect in _SUPPRESSION:
        return (
            (
                "the method only suppresses outputs, which is never erasure; "
                "use a method that removes, or the behavioural profile"
            ),
        )
    return ()


def _tier(profile: Profile, effect: Effect | None) -> Tier:
    """Return the tier of a pass: the profile's, and exact where an exact method passed it all.

    The behavioural profile leaves out the tampering checks, so it grants no more than its name.
    """
    if effect is Effect.EXACT and profile.grants is not Tier.BEHAVIOURAL:
        return Tier.EXACT
    return profile.grants


def _mechanism(
    profile: Profile, effect: Effect | None, checks: Sequence[CheckResult], *, passed: bool
) -> Mechanism:
    """Return whether the records were removed or only suppressed, as far as was shown.

    Suppression: the outputs changed, yet tampering brings the records back.
    """
    tampered = [item for item in checks if item.attack is not None]
    plain = [item for item in checks if item.check == "membership" and item.attack is None]
    hidden = bool(plain) and all(item.verdict is not Verdict.FAIL for item in plain)
    if effect in _SUPPRESSION or (
        hidden and any(item.verdict is Verdict.FAIL for item in tampered)
    ):
        return "suppressed"
    return "removed" if passed and profile.grants is not Tier.BEHAVIOURAL else "unknown"


def _summary(
    verdict: Verdict,
    evidence: Evidence,
    mandatory: Sequence[CheckResult],
    reasons: Sequence[str],
) -> str:
    """Return one plain sentence for a data-protection officer."""
    count = f"{evidence.records} record" + ("" if evidence.records == 1 else "s")
    failed = [item for item in mandatory if item.verdict is Verdict.FAIL]
    if verdict is Verdict.PASS:
        tested = (
            "and every attempt to bring them back failed, "
            if any(item.attack for item in mandatory)
            else ""
        )
        return (
            f"The model treats the {count} as it treats records of people it never saw, "
            f"{tested}within the stated margins."
        )
    if verdict is Verdict.NOT_APPLICABLE:
        return (
            "NO DETECTABLE INFLUENCE BEFORE: already the original model treated the "
            f"{count} like records it never saw, so there was nothing to show the removal of."
        )
    if verdict is Verdict.INVALID:
        return "The verification is not valid and says nothing about the model: " + reasons[0]
    if verdict is Verdict.FAIL and all(item.check == _UTILITY for item in failed):
        return f"The model was damaged: the {count} were not found, but what must be kept suffered."
    if verdict is Verdict.FAIL:
        names = ", ".join(sorted({label(item) for item in failed if item.check != _UTILITY}))
        return f"The {count} are not gone: {names}."
    return f"The tests do not settle whether the {count} are gone: {reasons[0]}"
