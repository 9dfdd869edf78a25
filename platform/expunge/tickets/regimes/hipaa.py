"""HIPAA Privacy Rule, 45 CFR Part 164.

It gives no general right to erasure. A removal rests on an authorization that was revoked, an
amendment, a restriction, a contract that ended, or the covered entity's own policy.
"""

from expunge.tickets.law import ClockRule, Ground, Refusal, Regime

REGIME = Regime(
    name="hipaa",
    title="HIPAA",
    claim="Removal of protected health information",
    explanation=(
        "HIPAA has no general right to have data deleted. This removal rests on the basis "
        "named here."
    ),
    grounds=(
        Ground(
            "authorization_revoked",
            "Authorization revoked",
            "45 CFR 164.508(b)(5)",
            meaning="The use rested on the person's authorization, and they have revoked it.",
        ),
        Ground(
            "amendment",
            "Amendment of the record",
            "45 CFR 164.526",
            "hipaa-164.526",
            meaning="The record is wrong or incomplete, and its correction was accepted.",
        ),
        Ground(
            "associate_terminated",
            "Business-associate agreement ended: return or destroy, if feasible",
            "45 CFR 164.504(e)(2)(ii)(J)",
            meaning="The agreement under which the data was received has ended.",
        ),
        Ground(
            "restriction",
            "Restriction of use agreed",
            "45 CFR 164.522(a)",
            meaning="The entity agreed not to use the data in this way.",
        ),
        Ground(
            "contract",
            "Contract",
            "The contract named in the review",
            meaning="A contract with the person or with the source of the data asks for it.",
        ),
        Ground(
            "policy",
            "Policy of the covered entity",
            "The policy named in the review",
            meaning="The entity's own policy asks for it.",
        ),
    ),
    clocks=(
        ClockRule(
            id="policy-60-days",
            citation="Target of the covered entity; HIPAA sets no period for this basis",
            extension_citation="Target of the covered entity",
            days=60,
            extended_days=90,
        ),
        ClockRule(
            id="hipaa-164.526",
            citation="45 CFR 164.526(b)(2)(i)",
            extension_citation="45 CFR 164.526(b)(2)(ii)",
            days=60,
            extended_days=90,
        ),
    ),
    refusals=(
        Refusal(
            "record_accurate", "The record is accurate and complete", "45 CFR 164.526(a)(2)(iv)"
        ),
        Refusal("not_ours", "Not created by this entity", "45 CFR 164.526(a)(2)(i)"),
        Refusal(
            "not_designated", "Not part of the designated record set", "45 CFR 164.526(a)(2)(ii)"
        ),
        Refusal("relied_upon", "Already acted in reliance on it", "45 CFR 164.508(b)(5)(i)"),
        Refusal("retention_duty", "Must be kept by law", "45 CFR 164.316(b)(2)(i), 164.530(j)"),
        Refusal("no_basis", "None of the bases applies", "45 CFR Part 164"),
        Refusal("identity_not_shown", "The person cannot be verified", "45 CFR 164.514(h)"),
    ),
    remedy=(
        "You may complain to the covered entity or to the Secretary of Health and Human Services "
        "(45 CFR 164.530(d), 160.306). Where an amendment was refused, you may also submit a "
        "statement of disagreement (45 CFR 164.526(d))."
    ),
    retention_months=72,
)
