"""California Consumer Privacy Act as amended (CPRA), Civil Code 1798.105 and 1798.130."""

from expunge.tickets.law import ClockRule, Ground, Refusal, Regime

REGIME = Regime(
    name="ccpa",
    title="CCPA/CPRA",
    claim="Right to delete",
    explanation=(
        "A consumer may have a business delete the personal information it collected from them. "
        "The time runs from receipt, whatever time verification takes."
    ),
    grounds=(
        Ground(
            "consumer_request",
            "Request of the consumer",
            "Cal. Civ. Code 1798.105(a)",
            meaning="The person asks for themselves; no reason is needed.",
        ),
        Ground(
            "authorized_agent",
            "Request of the consumer's authorized agent",
            "Cal. Civ. Code 1798.105(a); 11 CCR 7063",
            meaning="Someone with written permission asks for the person.",
        ),
    ),
    clocks=(
        ClockRule(
            id="ccpa-1798.130",
            citation="Cal. Civ. Code 1798.130(a)(2)(A); 11 CCR 7021(b)",
            extension_citation="Cal. Civ. Code 1798.130(a)(2)(A); 11 CCR 7021(b)",
            days=45,
            extended_days=90,
            acknowledge_days=10,
        ),
    ),
    refusals=(
        Refusal("needed_for_service", "Needed to provide the service", "1798.105(d)(1)"),
        Refusal("security", "Needed for security and integrity", "1798.105(d)(2)"),
        Refusal("debugging", "Needed to repair existing functions", "1798.105(d)(3)"),
        Refusal("expression", "Free speech", "1798.105(d)(4)"),
        Refusal("research", "Research in the public interest", "1798.105(d)(6)"),
        Refusal("internal_use", "Internal use the consumer expects", "1798.105(d)(7)"),
        Refusal("legal_duty", "Legal obligation", "1798.105(d)(8)"),
        Refusal("unfounded", "Manifestly unfounded or excessive", "1798.145(h)(3)"),
        Refusal("identity_not_shown", "The request cannot be verified", "11 CCR 7022, 7060"),
    ),
    remedy=(
        "You may submit a complaint to the California Privacy Protection Agency or the "
        "Attorney General."
    ),
    retention_months=24,
)
