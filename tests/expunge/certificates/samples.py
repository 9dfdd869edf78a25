"""A certificate's facts as the rooms below would hand them over: two models, several attempts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from contract.catalog import Effect
from contract.report import Chart, CheckResult, Estimate, Gate, Report, Tier, Verdict
from contract.result import ErrorCode, Failure, Result
from expunge.certificates.facts import (
    AttemptFacts,
    CertificateFacts,
    ModelFacts,
    PersonFacts,
    ScopeFacts,
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
        summary="The model behaves like one that never saw this person, also after relearning."
        if passed
        else "After 16 steps of relearning the person's facts come back faster than a stranger's.",
        gates=(
            Gate(
                "twins",
                "The comparison people are comparable",
                Verdict.PASS,
                "A reader that sees no model cannot tell forgotten from never-trained records.",
            ),
            Gate(
                "power",
                "The test can see",
                Verdict.PASS,
                "On the original model every check found the person.",
            ),
        ),
        checks=(
            CheckResult(
                "membership",
                "Can one tell that the person was in the training data?",
                Verdict.PASS,
                "No: the scores of this person's records fall where strangers' records fall.",
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
                "Does the model give the answers away?",
                Verdict.PASS,
                "No more than by chance: 1 of 24 facts against 1 of 24 for strangers.",
                estimates=(Estimate("extracted_share", 0.04, None, 0.14, 0.15),),
                before=(Estimate("extracted_share", 0.96, 0.8, 1.0),),
                charts=(EXTRACTION,),
            ),
            CheckResult(
                "relearning",
                "Do the facts come back when the model is trained further?",
                verdict,
                "They come back no faster than the facts of people it never saw."
                if passed
                else "They come back: 14 of 24 facts after 16 steps, 1 of 24 for strangers.",
                attack="relearn-forget-16",
                reasons=("Trained on half of the forgotten records, asked for the other half.",),
                estimates=(Estimate("relearning_advantage", 0.02, -0.1, 0.12, 0.3),)
                if passed
                else (Estimate("relearning_advantage", 1.9, 1.4, 2.3, 0.3),),
                charts=(RELEARNING,),
            ),
            CheckResult(
                "utility",
                "Does the model still do its work?",
                Verdict.PASS,
                "Yes: on 300 retained facts it is as accurate as before, within 5 %.",
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

FAILED = attempt(1, *NPO, "The first rung: it changes the model least.", report(Verdict.FAIL))
UNDONE = attempt(
    2,
    *UNDO,
    "Attempt 1 was refuted: the facts came back after relearning.",
    report(Verdict.PASS, Tier.ERASURE),
)
ASSISTANT = ModelFacts(
    name="ward assistant",
    version=1,
    before=digest("a"),
    after=digest("b"),
    after_version=2,
    attempts=(FAILED, UNDONE),
    disposition="Version 1 is withdrawn from service; its file is deleted after 30 days.",
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
            "The model is sharded, so the exact route is open.",
            report(Verdict.PASS, Tier.EXACT, "c"),
        ),
    ),
)
FACTS = CertificateFacts(
    ticket="T-2026-0007",
    controller="St. Hildegard Hospital Network",
    regime="GDPR",
    ground="Art. 17(1)(b), consent withdrawn",
    requested_on=date(2026, 10, 30),
    completed_at=datetime(2026, 11, 20, 15, 4, tzinfo=UTC),
    scope=(ScopeFacts("hospital", 1, digest("d"), ("patient",), 24, "hmac-sha256:" + "e" * 64),),
    models=(ASSISTANT, SHARDED),
    people=(
        PersonFacts("Data-protection officer, review", date(2026, 11, 3)),
        PersonFacts("Approver, second person", date(2026, 11, 4)),
        PersonFacts("Platform, execution and verification", date(2026, 11, 20)),
    ),
    category="health data",
    dispositions=("The original records were deleted from the dataset's next version.",),
    limits=("Backups of version 1 expire on 20 December 2026.",),
)

BEHAVED = replace(
    ASSISTANT, attempts=(replace(UNDONE, report=report(Verdict.PASS, Tier.BEHAVIOURAL)),)
)
GUARDED = replace(
    ASSISTANT,
    attempts=(
        FAILED,
        attempt(2, *GUARD, "Contained meanwhile.", report(Verdict.PASS, Tier.BEHAVIOURAL)),
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
                failure=Failure(ErrorCode.DIVERGED, "The training lost its footing: NaN loss."),
            ),
        ),
    ),
)
