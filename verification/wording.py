"""The policy's sentences: a verdict in one, its reasons, and what would resolve it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from contract.catalog import Effect
from contract.report import CheckResult, Gate, Verdict
from verification.evidence import Evidence
from verification.profiles import Profile

UTILITY = "utility"
_AGAIN = "verify the candidate again under a plan that was fixed before it existed"
GATE_REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "digests": f"Put the registered model files back, and {_AGAIN}.",
        "preregistration": f"Preregister the job as it is now, make the candidate, and {_AGAIN}.",
        "blind_baseline": (
            "Draw other or more twins, from the same templates as the trained records and by a "
            "coin flip, so that their texts alone give nothing away."
        ),
        "positive_control": (
            "Widen the scope to more records of this person, or give reference models that saw "
            "neither the person nor the twins, so that the attack works on the original."
        ),
        "power": (
            "Add records or twins, or use an exact method whose list of training records is given."
        ),
        "lineage": (
            "Train anew without the records, and list everything the candidate was trained on."
        ),
        "contents": f"Leave nothing in the folder but the model that was tested, and {_AGAIN}.",
        "base": "Make the base forget too, or put the adapter on one that never saw the records.",
        "sham": "Use a method, or settings, that leave no mark on somebody the model never knew.",
        "finite": "Make the candidate again: a model that answers no numbers is broken.",
    }
)
NOTHING_BEFORE = (
    "Nothing needs to be resolved if the model was indeed never trained on the records; if it was, "
    "widen the scope or add reference models, for an attack that can see so little."
)
_LEFT = (
    "Try a stronger method: one that removes rather than hides, or an exact one (train anew "
    "without the records). The next candidate is verified as a further attempt."
)
_HARMED = "Use a gentler method, or give the method more of the records that must be kept."
_MORE = "Add records of this person or twins, so that the intervals narrow; or use an exact method."
_NOT_RUN = "Run the checks that the profile demands."
_CLAIM = "Use a method whose claim fits the profile, or a profile that fits the claim."


def label(result: CheckResult) -> str:
    """Return the short name of a result (its title up to the colon), with its attack."""
    return f"{_short(result)} ({result.attack})" if result.attack else _short(result)


def _short(result: CheckResult) -> str:
    return result.title.partition(":")[0]


def labelled(results: Sequence[CheckResult], verdict: Verdict) -> tuple[str, ...]:
    """Return the labelled reasons of all results with that verdict."""
    return tuple(
        f"{label(item)}: {reason}"
        for item in results
        if item.verdict is verdict
        for reason in (item.reasons or (item.reading,))
    )


def effect_objections(profile: Profile, effect: Effect | None) -> tuple[str, ...]:
    """Return why a method of that effect cannot be granted what the profile grants."""
    grants = profile.grants.value
    if grants == "exact" and effect is not Effect.EXACT:
        return (
            (
                "only an exact method (the data took no part in training) can pass this profile; "
                "use the exact route, or the erasure profile"
            ),
        )
    if grants != "behavioural" and effect in {Effect.WEIGHT_SUPPRESSION, Effect.SERVE_SUPPRESSION}:
        return (
            (
                "the method only suppresses outputs, which is never erasure; "
                "use a method that removes, or the behavioural profile"
            ),
        )
    return ()


def remedies(
    profile: Profile,
    verdict: Verdict,
    evidence: Evidence,
    gates: Iterable[Gate],
    unmet: Sequence[CheckResult],
) -> tuple[str, ...]:
    """Return what would resolve a verdict that is no pass; never empty then.

    ``gates`` are those that stand in the way, ``unmet`` the mandatory checks that do.
    """
    if verdict is Verdict.PASS:
        return ()
    if verdict is Verdict.NOT_APPLICABLE:
        return (NOTHING_BEFORE,)
    found = [GATE_REMEDIES.get(gate.name, f"{gate.title}: {gate.reason}.") for gate in gates]
    failed = [item for item in unmet if item.verdict is Verdict.FAIL]
    if any(item.check != UTILITY for item in failed):
        found.append(_LEFT)
    if any(item.check == UTILITY for item in failed):
        found.append(_HARMED)
    if any(item.verdict in {Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE} for item in unmet):
        found.append(_MORE)
    if any(item.verdict is Verdict.INVALID for item in unmet):
        found.append(GATE_REMEDIES["finite"])
    if effect_objections(profile, evidence.effect):
        found.append(_CLAIM)
    return tuple(dict.fromkeys(found)) or (_NOT_RUN,)


def summary(
    verdict: Verdict,
    profile: Profile,
    evidence: Evidence,
    mandatory: Sequence[CheckResult],
    reasons: Sequence[str],
) -> str:
    """Return one plain sentence for a data-protection officer."""
    count = f"{evidence.records} record" + ("" if evidence.records == 1 else "s")
    if verdict is Verdict.PASS:
        return _passed(profile, count, mandatory)
    if verdict is Verdict.NOT_APPLICABLE:
        return (
            "NO DETECTABLE INFLUENCE BEFORE: already the original model treated the "
            f"{count} like records it never saw, so there was nothing to show the removal of."
        )
    if verdict is Verdict.INVALID:
        return "The verification is not valid and says nothing about the model: " + reasons[0]
    if verdict is Verdict.FAIL:
        failed = [item for item in mandatory if item.verdict is Verdict.FAIL]
        return _failed(count, failed, reasons)
    return f"The tests do not settle whether the {count} are gone: {reasons[0]}"


def _failed(count: str, failed: Sequence[CheckResult], reasons: Sequence[str]) -> str:
    if not failed:
        return f"The {count} are not gone: {reasons[0]}."
    if all(item.check == UTILITY for item in failed):
        return f"The model was damaged: the {count} were not found, but what must be kept suffered."
    names = dict.fromkeys(_short(item).lower() for item in failed if item.check != UTILITY)
    return f"The {count} are not gone. Found by: {', '.join(names)}."


def _passed(profile: Profile, count: str, mandatory: Sequence[CheckResult]) -> str:
    if profile.regression:
        return (
            f"The {count} were not among the records the model was trained on, as they are listed, "
            "and no test found a trace of them."
        )
    tested = (
        "and every attempt to bring them back failed, "
        if any(item.attack for item in mandatory)
        else ""
    )
    return (
        f"The model treats the {count} as it treats records of people it never saw, "
        f"{tested}within the stated margins."
    )
