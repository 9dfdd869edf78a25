"""From gates and check results to a verdict: the only place where one is given.

1. Validity gates come first: without them no number means anything.
2. FAIL is a union claim (any one piece of evidence is enough), so the leak p-values of the
   mandatory checks are corrected by Holm's method before one may fail the model. Those of a
   lesser profile within this one are corrected among themselves too: asking more never finds
   less. For an honest candidate that may add up to one leak level for each such profile.
3. PASS is an intersection claim (every mandatory check passed), each at the full level.
4. Everything else is INCONCLUSIVE, with what would resolve it. A check that is missing never
   counts as passed.
5. Where the claim rests on a verified lineage (the profile is one of regression tests), a check
   that is inconclusive for want of power alone does not stand in the way of a pass.

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
from verification.evidence import Evidence
from verification.limits import limits_of
from verification.profiles import PASS_ONLY_GATES, PROFILES, Profile, Requirement
from verification.statistics import holm
from verification.wording import effect_objections, label, labelled, remedies, summary

__all__ = ["Decision", "Evidence", "Mechanism", "decide", "only_underpowered", "outlook", "settle"]

Mechanism = Literal["removed", "suppressed", "unknown"]
_Key = tuple[str, str | None]
"""A check, and the attack after which it was made."""
_SUPPRESSION = frozenset({Effect.WEIGHT_SUPPRESSION, Effect.SERVE_SUPPRESSION})
_IDENTITY = frozenset({"digests", "preregistration"})
"""Gates about *what* was tested; the others are about how well."""
_FINDINGS = frozenset({"lineage", "base"})
"""Gates that find the records themselves when they fail."""


@dataclass(frozen=True)
class Decision:
    """A verdict with its tier, mechanism, words and limits, and what would resolve it.

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
    remedies: tuple[str, ...] = ()


def decide(profile: Profile, evidence: Evidence) -> Decision:
    """Apply the profile to the evidence."""
    checks = settle(profile, evidence.checks)
    mandatory = tuple(item for item in checks if item.mandatory)
    verdict, reasons = _verdict(profile, evidence, mandatory)
    passed = verdict is Verdict.PASS
    blocking, pass_blocking = _gate_findings(profile, evidence.gates)
    gates = [gate for gate, _, _ in (*blocking, *pass_blocking) if gate is not None]
    return Decision(
        verdict=verdict,
        tier=_tier(profile, evidence) if passed else None,
        mechanism=_mechanism(profile, evidence.effect, checks, passed=passed),
        summary=summary(verdict, profile, evidence, mandatory, reasons),
        reasons=reasons,
        limits=limits_of(profile, checks, evidence),
        remedies=remedies(
            profile, verdict, evidence, gates, _unmet_results(profile, evidence, mandatory)
        ),
        checks=checks,
    )


def outlook(profile: Profile, gates: Sequence[Gate]) -> tuple[str, ...]:
    """Return why no candidate whatever could pass, by the gates known before there is one.

    Only gates that were evaluated count; the others may still be passed.
    """
    blocking, pass_blocking = _gate_findings(profile, gates)
    return tuple(words for gate, _, words in (*blocking, *pass_blocking) if gate is not None)


def settle(profile: Profile, checks: Sequence[CheckResult]) -> tuple[CheckResult, ...]:
    """Mark the mandatory results and fail those whose Holm-adjusted leak p-value is small.

    A finding is printed with the largest family of tests in which it stands.
    """
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
    found: dict[int, dict[str, tuple[float, int]]] = {}
    for asked in _families(profile):
        family = [leak for leak in leaks if _key(marked[leak[0]]) in asked]
        adjusted = holm(float(estimate.p_leak or 0.0) for _, estimate in family)
        for (index, estimate), p_value in zip(family, adjusted, strict=True):
            if p_value < profile.leak_alpha:
                own = found.setdefault(index, {})
                own.setdefault(estimate.name, (p_value, len(family)))
    for index, names in found.items():
        p_value, tests = min(names.values())
        reason = (
            f"{', '.join(names)}: the records are told from never-trained ones "
            f"(p = {p_value:.2g} after correction for {tests} tests)"
        )
        item = marked[index]
        marked[index] = replace(item, verdict=Verdict.FAIL, reasons=(*item.reasons, reason))
    return tuple(marked)


def _families(profile: Profile) -> tuple[frozenset[_Key], ...]:
    """Return the tests that are corrected together: the profile's, and those of each within it.

    Whoever asks more questions must not find less. So the tests of every standard profile whose
    requirements this one holds are corrected among themselves too, the largest family first, and
    what the lesser profile would refuse, this one refuses.
    """
    own = _asked(profile)
    within = {_asked(other) for other in PROFILES.values() if _asked(other) < own}
    return (own, *sorted(within, key=len, reverse=True))


def _asked(profile: Profile) -> frozenset[_Key]:
    return frozenset(map(_key, profile.requirements))


def _key(item: CheckResult | Requirement) -> _Key:
    return item.check, item.attack


def _verdict(
    profile: Profile, evidence: Evidence, mandatory: Sequence[CheckResult]
) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict and the reasons for it, by the order of the module's docstring."""
    blocking, pass_blocking = _gate_findings(profile, evidence.gates)
    for verdict in (Verdict.INVALID, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE):
        if found := tuple(words for _, kind, words in blocking if kind is verdict):
            return verdict, found
    for verdict in (Verdict.FAIL, Verdict.INVALID):
        if found := labelled(mandatory, verdict):
            return verdict, found
    open_questions = (
        *(words for _, _, words in pass_blocking),
        *_unmet(profile, evidence, mandatory),
        *effect_objections(profile, evidence.effect),
    )
    if open_questions:
        return Verdict.INCONCLUSIVE, open_questions
    return Verdict.PASS, ()


Finding = tuple[Gate | None, Verdict, str]
"""A gate that was not passed (``None``: not evaluated), what it makes of the whole, and why."""


def _gate_findings(profile: Profile, gates: Sequence[Gate]) -> tuple[list[Finding], list[Finding]]:
    """Return what blocks every verdict and what blocks only a pass.

    A gate that the profile does not demand blocks only when it was failed.
    """
    blocking: list[Finding] = []
    pass_blocking: list[Finding] = []
    by_name: dict[str, list[Gate]] = {name: [] for name in profile.gates}
    for gate in gates:
        by_name.setdefault(gate.name, []).append(gate)
    for name, found in by_name.items():
        place = pass_blocking if name in PASS_ONLY_GATES else blocking
        against = {*Verdict} - {Verdict.PASS}
        if name not in profile.gates:
            against = {Verdict.FAIL, Verdict.INVALID}
        if not found:
            words = f"the validity gate {name} was not evaluated; give what it needs"
            place.append((None, Verdict.INCONCLUSIVE, words))
        for gate in found:
            if gate.verdict in against:
                place.append((gate, _gate_verdict(gate), f"{gate.title}: {gate.reason}"))
    return blocking, pass_blocking


def _gate_verdict(gate: Gate) -> Verdict:
    """Return what an unpassed gate makes of the whole verification.

    A lineage that holds the records is a finding, not a lack of one: the model was trained on
    them. So is a base that knows them.
    """
    if gate.verdict is Verdict.INVALID or (gate.name in _IDENTITY and gate.verdict is Verdict.FAIL):
        return Verdict.INVALID
    if gate.name in _FINDINGS and gate.verdict is Verdict.FAIL:
        return Verdict.FAIL
    if gate.name == "positive_control" and gate.verdict is Verdict.NOT_APPLICABLE:
        return Verdict.NOT_APPLICABLE
    return Verdict.INCONCLUSIVE


def _unmet(
    profile: Profile, evidence: Evidence, mandatory: Sequence[CheckResult]
) -> tuple[str, ...]:
    """Return, for every requirement that was not met, what is missing."""
    answered = {_key(item) for item in mandatory}
    missing = tuple(
        f"the mandatory check {item.check + (f' ({item.attack})' if item.attack else '')} was not "
        "run; run it to resolve this"
        for item in profile.requirements
        if _key(item) not in answered
    )
    return missing + tuple(
        f"{label(item)}: {why}"
        for item in _unmet_results(profile, evidence, mandatory)
        for why in (item.reasons or (item.reading,))
    )


def _unmet_results(
    profile: Profile, evidence: Evidence, mandatory: Sequence[CheckResult]
) -> list[CheckResult]:
    """Return the mandatory results that stand in the way of a pass."""
    excused = profile.regression and evidence.lineage_verified
    found = []
    for item in mandatory:
        requirement = profile.requirement(item.check, item.attack)
        if requirement is None or _met(requirement, item):
            continue
        if not (excused and only_underpowered(item)):
            found.append(item)
    return found


def only_underpowered(result: CheckResult) -> bool:
    """Say whether a result settles nothing for want of power alone.

    Every estimate that is held against a margin lies within it, and its interval contains the
    value of somebody never seen. Without such an estimate nothing is known, so nothing excused.
    """
    held = [item for item in result.estimates if item.margin is not None]
    return (
        result.verdict is Verdict.INCONCLUSIVE
        and bool(held)
        and all(
            item.low is not None
            and item.high is not None
            and item.low <= item.null <= item.high
            and abs(item.value - item.null) <= (item.margin or 0.0)
            for item in held
        )
    )


def _met(requirement: Requirement, result: CheckResult) -> bool:
    return result.verdict is Verdict.PASS or (
        requirement.may_not_apply and result.verdict is Verdict.NOT_APPLICABLE
    )


def _tier(profile: Profile, evidence: Evidence) -> Tier:
    """Return the tier of a pass: the profile's, and exact where lineage and tests both say so.

    The behavioural profile leaves out the tampering checks, so it grants no more than its name.
    """
    exact = evidence.effect is Effect.EXACT and evidence.lineage_verified
    return Tier.EXACT if exact and profile.grants is not Tier.BEHAVIOURAL else profile.grants


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
