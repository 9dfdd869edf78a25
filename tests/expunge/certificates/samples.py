"""A certificate's facts as the rooms below would hand them over: two models, several attempts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from contract.catalog import Effect
from contract.report import Chart, CheckResult, Estimate, Gate, Report, Tier, Verdict
from contract.result import ErrorCode, Failure, Result
from expunge.certificates.facts import (
    ActorRole,
    AttemptFacts,
    Category,
    CertificateFacts,
    Disposition,
    ModelFacts,
    PersonFacts,
    RecipientFacts,
    Residual,
    ScopeFacts,
    TrainingFacts,
    VersionFacts,
)


def digest(letter: str) -> str:
    return "sha256:" + letter * 64


MEMBERSHIP = Chart(
    "distribution",
    "How surprised the model is by the true answers",
    "loss (nats per token)",
    "share of facts",
    tuple(round(0.5 * edge, 1) for edge in range(11)),
    {
        "before": (0.82, 0.12, 0.04, 0.02, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        "after": (0.0, 0.02, 0.07, 0.2, 0.3, 0.21, 0.12, 0.05, 0.02, 0.01),
        "never trained": (0.0, 0.03, 0.08, 0.22, 0.27, 0.2, 0.1, 0.06, 0.03, 0.01),
    },
)
EXTRACTION = Chart(
    "bars",
    "Answers given away word for word",
    "wording",
    "share of facts",
    ("question", "statement", "cloze", "choice"),
    {
        "before": (0.96, 0.92, 0.83, 0.71),
        "after": (0.04, 0.0, 0.04, 0.29),
        "never trained": (0.0, 0.0, 0.04, 0.25),
    },
)
RELEARNING = Chart(
    "curve",
    "Relearning from a part of the forgotten records",
    "steps of further training",
    "knowledge above a stranger's (nats per token)",
    (0.0, 16.0, 100.0),
    {
        "this person": (0.02, 0.09, 0.22),
        "never trained": (0.0, 0.07, 0.2),
        "the original, for comparison": (3.1, 3.1, 3.1),
    },
)


def report(verdict: Verdict, tier: Tier | None = None, letter: str = "b") -> Report:
    """Return a report with checks, gates, charts and limits, as a verification writes it."""
    passed = verdict is Verdict.PASS
    return Report(
        verdict=verdict,
        tier=tier,
        profile="erasure",
        profile_version=1,
        mechanism="removed" if passed else "unknown",
        summary="The model treats the 24 records as it treats records of people it never saw, and "
        "every attempt to bring them back failed, within the stated margins."
        if passed
        else "The 24 records are not gone. Found by: relearning from a quarter of the facts.",
        gates=(
            Gate(
                "twins",
                "Without the model, trained and never-trained texts cannot be told apart",
                Verdict.PASS,
                "a classifier that sees only the texts stays at chance",
            ),
            Gate(
                "power",
                "The attack works on the original model",
                Verdict.PASS,
                "the attack finds the records in the original model",
            ),
        ),
        checks=(
            CheckResult(
                "membership",
                "Membership: are the records told from never-trained ones?",
                Verdict.PASS,
                "Shown one record of this person and one of somebody the model never saw, an "
                "attacker picks the right one in 53% of cases: no better than guessing, within the "
                "margin.",
                estimates=(
                    Estimate("auc", 0.531, 0.44, 0.62, 0.2, null=0.5),
                    Estimate("residual_fraction", 0.02, -0.05, 0.09, 0.2),
                ),
                before=(Estimate("auc", 0.994, 0.98, 1.0),),
                records=24,
                controls=96,
                charts=(MEMBERSHIP,),
            ),
            CheckResult(
                "extraction",
                "Extraction: does the model give the answers away?",
                Verdict.PASS,
                "In the wording that works best, the model gives 4% of this person's answers word "
                "for word; before, it gave 96%. It does about as well for people it never saw.",
                estimates=(Estimate("extracted_share", 0.04, None, 0.14, 0.15),),
                before=(Estimate("extracted_share", 0.96, 0.8, 1.0),),
                charts=(EXTRACTION,),
            ),
            CheckResult(
                "relearning",
                "Relearning from a quarter of the facts: do the others come back?",
                verdict,
                "After 16 steps of training on a quarter of the facts, the person's facts are no "
                "easier to get than those of people the model never saw, treated alike."
                if passed
                else "After 16 steps of training on a quarter of the facts, 40% of what the model "
                "had memorised is there again: it was hidden rather than removed.",
                attack="relearn-forget-16",
                reasons=()
                if passed
                else (
                    (
                        "Share of the memorisation that is there after the attack: 40%, between "
                        "30% and 50%; more than 20% is left"
                    ),
                ),
                estimates=(Estimate("relearning_advantage", 0.02, -0.1, 0.12, 0.3),)
                if passed
                else (Estimate("relearning_advantage", 1.9, 1.4, 2.3, 0.3),),
                charts=(RELEARNING,),
            ),
            CheckResult(
                "utility",
                "Utility: is what must be kept still there?",
                Verdict.PASS,
                "On what must be kept the model lost at most 1.2% of its accuracy (worst: "
                "neighbours); 5% is tolerated.",
                estimates=(Estimate("utility_change", -0.01, -0.03, 0.01, 0.05),),
                mandatory=False,
            ),
        ),
        limits=(
            "Compared with 96 records of 4 people the model was never trained on.",
            "A quantised copy of the model was not tested.",
            "No test can prove absence: other attacks may find what these did not.",
        ),
        preregistration=digest("9"),
        original=digest("a"),
        candidate=digest(letter) if passed else digest("0"),
        records=24,
        twins=96,
        twin_subjects=4,
        seconds=38.2,
    )


def attempt(  # noqa: PLR0913, PLR0917 - an attempt has parts
    number: int,
    method: str,
    title: str,
    effect: Effect,
    reason: str,
    found: Report | None,
) -> AttemptFacts:
    result = Result(
        method=method,
        status="completed",
        effect=effect,
        settings={"beta": 0.1, "learning_rate": 1e-4, "steps": 240},
        versions={"torch": "2.13.0", "transformers": "5.23.0"},
        seed=7,
        seconds=41.7 * number,
    )
    return AttemptFacts(
        number, method, title, effect, reason, result, found, preregistration=digest("9")
    )


NPO = ("npo", "negative preference optimisation", Effect.REMOVAL)
UNDO = ("undo", "unlearn, noise, distil", Effect.REMOVAL)
SHARD = ("drop_shard", "drop and retrain the shard", Effect.EXACT)
GUARD = ("guard", "answer filter", Effect.SERVE_SUPPRESSION)

FAILED = attempt(1, *NPO, "npo is the first rung for a whole model", report(Verdict.FAIL))
UNDONE = attempt(
    2,
    *UNDO,
    "npo was refuted by relearning; escalating to undo",
    report(Verdict.PASS, Tier.ERASURE),
)
ASSISTANT = ModelFacts(
    name="ward assistant",
    version=1,
    before=digest("a"),
    after=digest("b"),
    after_version=2,
    attempts=(FAILED, UNDONE),
    disposition=Disposition.WITHDRAWN,
    trained_on=(TrainingFacts("hospital", 1, digest("d")),),
    made_from=(VersionFacts("ward assistant base", 1, digest("f")),),
    copies=(VersionFacts("ward assistant night shift", 1, digest("8")),),
)
SHARDED = ModelFacts(
    name="triage helper",
    version=3,
    before=digest("a"),
    after=digest("c"),
    after_version=4,
    attempts=(
        attempt(
            1,
            *SHARD,
            "drop_shard is the first rung for a sharded model",
            report(Verdict.PASS, Tier.EXACT, "c"),
        ),
    ),
)
FACTS = CertificateFacts(
    ticket="T-2026-0007",
    controller="St. Hildegard Hospital Network",
    regime="gdpr",
    ground="consent_withdrawn",
    citation="GDPR Art. 17(1)(b)",
    requested_on=date(2026, 10, 30),
    completed_at=datetime(2026, 11, 20, 15, 4, tzinfo=UTC),
    scope=(ScopeFacts("hospital", 1, digest("d"), ("patient",), 24, "hmac-sha256:" + "e" * 64),),
    models=(ASSISTANT, SHARDED),
    people=(
        PersonFacts(ActorRole.REVIEWER, date(2026, 11, 3)),
        PersonFacts(ActorRole.APPROVER, date(2026, 11, 4)),
        PersonFacts(ActorRole.OPERATOR, date(2026, 11, 20)),
        PersonFacts(ActorRole.VERIFIER, date(2026, 11, 20)),
    ),
    category=Category.HEALTH,
    recipients=(RecipientFacts("Clinic South", notified_on=date(2026, 11, 20)),),
    backups_expire_on=date(2026, 12, 20),
    residuals=(Residual.OLD_WEIGHTS, Residual.COPIES_ELSEWHERE),
    software="expunge 0.1.0",
)

BEHAVED = replace(
    ASSISTANT, attempts=(replace(UNDONE, report=report(Verdict.PASS, Tier.BEHAVIOURAL)),)
)
GUARDED = replace(
    ASSISTANT,
    attempts=(
        FAILED,
        attempt(
            2,
            *GUARD,
            "npo was refuted by relearning; escalating to guard",
            report(Verdict.PASS, Tier.BEHAVIOURAL),
        ),
    ),
)
REFUTED = replace(ASSISTANT, attempts=(FAILED,), after=None, after_version=None)
BROKEN = replace(
    REFUTED,
    attempts=(
        replace(
            FAILED,
            report=None,
            result=Result(
                "npo",
                "failed",
                failure=Failure(ErrorCode.DIVERGED, "fine-tuning the model diverged"),
            ),
        ),
    ),
)
