"""Regulation (EU) 2016/679: erasure under Article 17, within the time of Article 12."""

from expunge.tickets.law import ClockRule, Ground, Refusal, Regime

REGIME = Regime(
    name="gdpr",
    title="GDPR",
    claim="Right to erasure",
    explanation=(
        "Article 17 lets a person have their personal data erased without undue delay "
        "when one of its grounds applies."
    ),
    grounds=(
        Ground(
            "no_longer_necessary",
            "No longer necessary",
            "GDPR Art. 17(1)(a)",
            meaning="The purpose the data was collected for has been reached or given up.",
        ),
        Ground(
            "consent_withdrawn",
            "Consent withdrawn",
            "GDPR Art. 17(1)(b)",
            meaning="The data was used because the person agreed, and they have taken that back.",
        ),
        Ground(
            "objection",
            "Objection to the processing",
            "GDPR Art. 17(1)(c)",
            meaning="The person objects, and nothing weightier speaks for going on.",
        ),
        Ground(
            "unlawful",
            "Processed unlawfully",
            "GDPR Art. 17(1)(d)",
            meaning="There was never a lawful basis for using the data.",
        ),
        Ground(
            "legal_obligation",
            "Erasure required by law",
            "GDPR Art. 17(1)(e)",
            meaning="A law of the Union or of a member state requires the erasure.",
        ),
        Ground(
            "child",
            "Collected from a child online",
            "GDPR Art. 17(1)(f)",
            meaning="The person was a child when an online service collected the data.",
        ),
    ),
    clocks=(
        ClockRule(
            id="gdpr-12(3)",
            citation="GDPR Art. 12(3); Regulation (EEC, Euratom) 1182/71 Art. 3",
            extension_citation="GDPR Art. 12(3), second sentence",
            months=1,
            extended_months=3,
            rolls=True,
        ),
    ),
    refusals=(
        Refusal("expression", "Freedom of expression and information", "GDPR Art. 17(3)(a)"),
        Refusal("legal_duty", "Legal obligation or public task", "GDPR Art. 17(3)(b)"),
        Refusal("public_health", "Public interest in public health", "GDPR Art. 17(3)(c)"),
        Refusal("research", "Archiving, research or statistics", "GDPR Art. 17(3)(d)"),
        Refusal("legal_claims", "Legal claims", "GDPR Art. 17(3)(e)"),
        Refusal("no_ground", "None of the grounds applies", "GDPR Art. 17(1)"),
        Refusal("unfounded", "Manifestly unfounded or excessive", "GDPR Art. 12(5)"),
        Refusal("identity_not_shown", "The person cannot be identified", "GDPR Art. 12(2), 12(6)"),
    ),
    remedy=(
        "You may lodge a complaint with a supervisory authority and seek a judicial remedy "
        "(GDPR Art. 12(4))."
    ),
    retention_months=36,
)
