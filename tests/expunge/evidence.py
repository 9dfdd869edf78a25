"""Reports of verifications as they come out of the library, for pages, API and certificates."""

from __future__ import annotations

from typing import Any

from contract.report import (
    REPORT,
    Chart,
    CheckResult,
    Estimate,
    Gate,
    Report,
    Tier,
    Verdict,
)

EDGES = tuple(round(-4 + 0.5 * step, 1) for step in range(13))
PERSON = (0.0, 0.01, 0.02, 0.04, 0.06, 0.09, 0.12, 0.16, 0.2, 0.17, 0.09, 0.04)
TWINS = (0.02, 0.05, 0.1, 0.18, 0.22, 0.18, 0.12, 0.07, 0.04, 0.02, 0.0, 0.0)
AFTER = (0.01, 0.05, 0.11, 0.17, 0.23, 0.17, 0.13, 0.07, 0.04, 0.01, 0.01, 0.0)


def membership(*, passed: bool) -> CheckResult:
    """Return a membership-inference check with its chart."""
    return CheckResult(
        check="membership",
        title="Membership inference",
        verdict=Verdict.PASS if passed else Verdict.FAIL,
        reading=(
            "The model treats this person like people it never saw."
            if passed
            else "The model still knows this person's records better than those of people it "
            "never saw."
        ),
        reasons=() if passed else ("The lower end of the interval lies above the margin.",),
        estimates=(
            Estimate(
                "Membership AUC, Min-K++",
                0.52 if passed else 0.71,
                0.44 if passed else 0.63,
                0.6 if passed else 0.79,
                0.62,
            ),
            Estimate(
                "Residual fraction",
                0.04 if passed else 0.38,
                0.0 if passed else 0.27,
                0.12 if passed else 0.49,
                0.2,
            ),
        ),
        before=(
            Estimate("Membership AUC, Min-K++", 0.97, 0.93, 0.99),
            Estimate("Residual fraction", 1.0),
        ),
        records=24,
        controls=264,
        charts=(
            Chart(
                "distribution",
                "Min-K%++ scores",
                "score",
                "share of records",
                EDGES,
                {"Person, before": PERSON, "Person, after": AFTER, "Never trained": TWINS},
            ),
        ),
        seconds=1.9,
    )


def relearning(*, passed: bool) -> CheckResult:
    """Return a check after an attack that trains the model again on a part of the data."""
    return CheckResult(
        check="membership",
        title="Relearning",
        verdict=Verdict.PASS if passed else Verdict.FAIL,
        reading=(
            "Training on a third of the records brings the rest back no faster than for people "
            "it never saw."
            if passed
            else "Sixteen steps of training on a third of the records bring the rest back: the "
            "knowledge was hidden, not removed."
        ),
        attack="relearn-forget-16",
        estimates=(
            Estimate(
                "Accuracy beyond the twins after 16 steps",
                0.03 if passed else 0.41,
                -0.06 if passed else 0.3,
                0.12 if passed else 0.52,
                0.15,
            ),
        ),
        records=16,
        controls=176,
        charts=(
            Chart(
                "curve",
                "Recall while relearning",
                "steps",
                "exact recall",
                (0, 4, 8, 16, 50, 100),
                {
                    "Person": (0.0, 0.05, 0.09, 0.14, 0.3, 0.42)
                    if passed
                    else (0.0, 0.3, 0.52, 0.61, 0.7, 0.75),
                    "Never trained": (0.0, 0.06, 0.1, 0.15, 0.29, 0.4),
                },
            ),
        ),
        seconds=6.4,
    )


def utility() -> CheckResult:
    """Return the check that nothing else was lost."""
    return CheckResult(
        check="neighbours",
        title="Neighbours and general use",
        verdict=Verdict.PASS,
        reading="What the model knew about other patients of the same hospital, it still knows.",
        estimates=(Estimate("Loss of token accuracy, neighbours", 0.02, -0.01, 0.05, 0.1),),
        before=(Estimate("Loss of token accuracy, neighbours", 0.0),),
        records=48,
        charts=(
            Chart(
                "bars",
                "Exact recall",
                "whose records",
                "share recalled",
                ("forgotten", "same ward", "others"),
                {"Before": (0.96, 0.97, 0.98), "After": (0.02, 0.95, 0.97)},
            ),
        ),
    )


def concepts() -> CheckResult:
    """Return a check that informs and does not decide, and could not be measured."""
    return CheckResult(
        check="concept_vectors",
        title="Concept vectors",
        verdict=Verdict.NOT_APPLICABLE,
        reading="No single vector of the original carried this person's facts.",
        reasons=("Nothing could be located, so there is nothing to compare.",),
        mandatory=False,
    )


def report(
    *,
    passed: bool,
    original: str = "sha256:" + "0a" * 32,
    candidate: str = "sha256:" + "0b" * 32,
    tier: Tier = Tier.ERASURE,
) -> dict[str, Any]:
    """Return a whole report as stored JSON, about models with these digests."""
    made = Report(
        verdict=Verdict.PASS if passed else Verdict.FAIL,
        profile="erasure",
        profile_version=1,
        summary=(
            "Under every attack tried, the model behaves as if it had never seen this data."
            if passed
            else "Questions about this person are no longer answered, but the knowledge comes "
            "back under attack."
        ),
        tier=tier if passed else None,
        mechanism="removed" if passed else "suppressed",
        gates=(
            Gate(
                "positive_control",
                "The attack works on the original",
                Verdict.PASS,
                "It finds this person in the original model.",
                (Estimate("auc", 0.97, 0.93, 0.99, 0.7),),
            ),
            Gate(
                "twins_alike",
                "The controls are comparable",
                Verdict.PASS,
                "Without any training, persons and controls score alike.",
            ),
        ),
        checks=(membership(passed=passed), relearning(passed=passed), utility(), concepts()),
        reasons=() if passed else ("A mandatory check failed.",),
        limits=(
            "It does not prove the absence of any influence.",
            "Attacks that were not tried may find more.",
        ),
        preregistration="sha256:" + "ab" * 32,
        original=original,
        candidate=candidate,
        records=24,
        twins=264,
        twin_subjects=11,
        forward_passes=1284,
        seconds=21.7,
        seed=7,
    )
    return dict(REPORT.dump_python(made, mode="json"))
