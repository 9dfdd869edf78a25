"""A ticket as large as a real one, for measuring what its certificate costs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any


def a_ticket(number: int, language: str) -> Any:
    """Return the facts of a ticket about one model: a refuted attempt and a passed one."""
    from contract.catalog import Effect  # noqa: PLC0415 - after setup
    from contract.report import Tier, Verdict  # noqa: PLC0415 - the same
    from contract.result import Result  # noqa: PLC0415 - the same
    from expunge.certificates import facts  # noqa: PLC0415 - the same

    digest = "sha256:" + f"{number:064x}"
    tried = (
        ("npo", "negative preference optimisation", Effect.REMOVAL, Verdict.FAIL, None),
        ("retrain", "full retrain", Effect.EXACT, Verdict.PASS, Tier.EXACT),
    )
    reasons = (
        "npo is the first rung for a whole model",
        "npo was refuted by membership; escalating to retrain",
    )
    return facts.CertificateFacts(
        ticket=f"T-2026-{number:04d}",
        controller="St. Hildegard Hospital Network",
        regime="gdpr",
        ground="consent_withdrawn",
        citation="GDPR Art. 17(1)(b)",
        language=language,
        requested_on=date(2026, 10, 30),
        completed_at=datetime(2026, 11, 20, 15, 4, tzinfo=UTC),
        scope=(facts.ScopeFacts("hospital", 1, digest, ("patient",), 24, f"hmac-{digest}"),),
        models=(
            facts.ModelFacts(
                name="ward assistant",
                version=1,
                before=digest,
                after="sha256:" + "b" * 64,
                after_version=2,
                attempts=tuple(
                    facts.AttemptFacts(
                        number=turn,
                        method=method,
                        title=title,
                        effect=effect,
                        reason=reason,
                        result=Result(method, "completed", effect=effect, seconds=41.7),
                        report=a_report(verdict, tier),
                    )
                    for turn, ((method, title, effect, verdict, tier), reason) in enumerate(
                        zip(tried, reasons, strict=True), start=1
                    )
                ),
            ),
        ),
        people=(facts.PersonFacts(facts.ActorRole.REVIEWER, date(2026, 11, 3)),),
    )


def a_report(verdict: Any, tier: Any) -> Any:
    """Return a report of ten checks with a chart each, as large as a real one."""
    from contract.report import Chart, CheckResult, Estimate, Report, Verdict  # noqa: PLC0415 - the same

    def check(place: int) -> CheckResult:
        chart = Chart(
            "distribution",
            "How surprised the model is by the true answers",
            "loss (nats per token)",
            "share of facts",
            tuple(edge / 2 + place for edge in range(11)),
            dict.fromkeys(("before", "after", "never trained"), (0.1,) * 10),
        )
        return CheckResult(
            "membership",
            "Membership: are the records told from never-trained ones?",
            verdict if place == 0 else Verdict.PASS,
            "Shown one record of this person and one of somebody the model never saw, an attacker "
            f"picks the right one in {50 + place}% of cases: no better than guessing, within the "
            "margin.",
            attack=f"relearn-retain-{place}" if place else None,
            estimates=tuple(
                Estimate(name, 0.5, 0.4, 0.6, 0.2, null=0.5)
                for name in ("Loss attack, AUC", "Zlib attack, AUC", "Min-K attack, AUC")
            ),
            charts=(chart,),
        )

    return Report(
        verdict=verdict,
        tier=tier,
        profile="erasure",
        profile_version=2,
        mechanism="removed" if tier else "unknown",
        summary="The 24 records are not gone. Found by: membership."
        if tier is None
        else "The model treats the 24 records as it treats records of people it never saw, within "
        "the stated margins.",
        checks=tuple(check(place) for place in range(10)),
        limits=("No test can prove absence: other attacks may find what these did not.",),
        records=24,
        twins=96,
        twin_subjects=4,
    )
