"""Results of checks and gates for the tests of the policy, honest ones and impostors'."""

from __future__ import annotations

from dataclasses import replace

from contract.catalog import Effect
from contract.report import CheckResult, Estimate, Gate, Verdict
from verification.policy import Decision, Evidence, decide
from verification.profiles import EXACT_GATES, GATES, PROFILES, RELEARNING_ATTACKS

Results = dict[tuple[str, str | None], CheckResult]


def gates_with(**verdicts: Verdict) -> tuple[Gate, ...]:
    return tuple(
        Gate(name, name.title(), verdicts.get(name, Verdict.PASS), f"reason of {name}")
        for name in dict.fromkeys((*GATES, *EXACT_GATES))
    )


def gates_without(*names: str) -> tuple[Gate, ...]:
    return tuple(gate for gate in gates_with() if gate.name not in names)


def a_result(
    check: str, verdict: Verdict, attack: str | None = None, p_leak: float | None = None
) -> CheckResult:
    return CheckResult(
        check=check,
        title=check.replace("_", " ").title(),
        verdict=verdict,
        reading="what it means",
        reasons=() if verdict is Verdict.PASS else (f"{check} says {verdict}",),
        attack=attack,
        estimates=(Estimate("statistic", 0.5, p_leak=p_leak),),
    )


def clean_results() -> Results:
    plain = ("membership", "residual", "extraction", "utility", "concept_vectors")
    results = [a_result(name, Verdict.PASS, p_leak=0.4) for name in plain]
    results += [a_result("relearning", Verdict.PASS, name, 0.3) for name in RELEARNING_ATTACKS]
    answered = {(item.check, item.attack) for item in results}
    demanded = (item for profile in PROFILES.values() for item in profile.requirements)
    left = dict.fromkeys((item.check, item.attack) for item in demanded)
    results += [
        a_result(check, Verdict.PASS, attack)
        for check, attack in left
        if (check, attack) not in answered
    ]
    return {(item.check, item.attack): item for item in results}


def decided(  # noqa: PLR0913, PLR0917 - every part of a verification
    results: Results,
    gates: tuple[Gate, ...] | None = None,
    profile: str = "erasure",
    effect: Effect | None = Effect.REMOVAL,
    records: int = 24,
    earlier: int = 0,
) -> Decision:
    return decide(
        PROFILES[profile].at_attempt(earlier),
        Evidence(
            gates=gates_with() if gates is None else gates,
            checks=tuple(results.values()),
            effect=effect,
            records=records,
            twins=288,
            twin_subjects=12,
            earlier_attempts=earlier,
        ),
    )


def results_with(*changed: CheckResult) -> Results:
    return {**clean_results(), **{(item.check, item.attack): item for item in changed}}


def relearned(verdict: Verdict, p_leak: float) -> list[CheckResult]:
    return [a_result("relearning", verdict, name, p_leak) for name in RELEARNING_ATTACKS]


def left_open(value: float, low: float, high: float, null: float = 0.0) -> CheckResult:
    """Return a residual that its interval leaves open, against a margin of 0.3."""
    own = Estimate("residual fraction", value, low, high, 0.3, null=null)
    return replace(a_result("residual", Verdict.INCONCLUSIVE), estimates=(own,))


IMPOSTORS = {
    "deleted nothing": results_with(
        a_result("membership", Verdict.INCONCLUSIVE, p_leak=1e-9),
        a_result("residual", Verdict.FAIL),
        a_result("extraction", Verdict.FAIL),
        a_result("concept_vectors", Verdict.FAIL),
        *relearned(Verdict.FAIL, 1e-9),
    ),
    "merely refuses, likelihoods betray it": results_with(
        a_result("membership", Verdict.INCONCLUSIVE, p_leak=1e-6)
    ),
    "destroyed, no longer like never-trained": results_with(
        a_result("membership", Verdict.FAIL, p_leak=1.0), a_result("utility", Verdict.FAIL)
    ),
    "destroyed, only utility shows it": results_with(a_result("utility", Verdict.FAIL)),
    "answers with not-a-number": results_with(a_result("membership", Verdict.INVALID)),
}
ONLY_TAMPERING_SHOWS = {
    "merely refuses": results_with(*relearned(Verdict.FAIL, 1e-4)),
    "one attack of four is not settled": results_with(
        a_result("relearning", Verdict.INCONCLUSIVE, RELEARNING_ATTACKS[3], 0.2)
    ),
}
