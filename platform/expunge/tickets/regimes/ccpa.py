"""California Consumer Privacy Act as amended (CPRA), Civil Code 1798.105 and 1798.130."""

from django.utils.translation import gettext_lazy as _

from expunge.tickets.law import (
    ClockRule,
    ExemptionRule,
    ExtensionRule,
    Ground,
    Notice,
    NoticeDuty,
    Refusal,
    Regime,
    RetentionRule,
)

REGIME = Regime(
    name="ccpa",
    title="CCPA/CPRA",
    claim=_("Right to delete"),
    explanation=_(
        "A consumer may have a business delete the personal information it collected from them. "
        "The time runs from receipt, whatever time verification takes."
    ),
    grounds=(
        Ground(
            "consumer_request",
            _("Request of the consumer"),
            "Cal. Civ. Code 1798.105(a)",
            meaning=_("The person asks for themselves; no reason is needed."),
        ),
        Ground(
            "authorized_agent",
            _("Request of the consumer's authorized agent"),
            "Cal. Civ. Code 1798.105(a); 11 CCR 7063",
            meaning=_("Someone with written permission asks for the person."),
        ),
    ),
    exemptions=(
        ExemptionRule("needed_for_service", _("Needed to provide the service"), "1798.105(d)(1)"),
        ExemptionRule("security", _("Needed for security and integrity"), "1798.105(d)(2)"),
        ExemptionRule("debugging", _("Needed to repair existing functions"), "1798.105(d)(3)"),
        ExemptionRule("expression", _("Free speech"), "1798.105(d)(4)"),
        ExemptionRule(
            "communications_privacy",
            _("California Electronic Communications Privacy Act"),
            "1798.105(d)(5)",
        ),
        ExemptionRule("research", _("Research in the public interest"), "1798.105(d)(6)"),
        ExemptionRule("internal_use", _("Internal use the consumer expects"), "1798.105(d)(7)"),
        ExemptionRule("legal_duty", _("Legal obligation"), "1798.105(d)(8)"),
    ),
    clocks=(
        ClockRule(
            id="ccpa-1798.130",
            citation="Cal. Civ. Code 1798.130(a)(2)(A); 11 CCR 7021(b)",
            extension=ExtensionRule("Cal. Civ. Code 1798.130(a)(2)(A); 11 CCR 7021(b)", days=90),
            days=45,
            acknowledge_days=10,
        ),
    ),
    refusals=(
        Refusal("needed_for_service", _("Needed to provide the service"), "1798.105(d)(1)"),
        Refusal("security", _("Needed for security and integrity"), "1798.105(d)(2)"),
        Refusal("debugging", _("Needed to repair existing functions"), "1798.105(d)(3)"),
        Refusal("expression", _("Free speech"), "1798.105(d)(4)"),
        Refusal(
            "communications_privacy",
            _("California Electronic Communications Privacy Act"),
            "1798.105(d)(5)",
        ),
        Refusal("research", _("Research in the public interest"), "1798.105(d)(6)"),
        Refusal("internal_use", _("Internal use the consumer expects"), "1798.105(d)(7)"),
        Refusal("legal_duty", _("Legal obligation"), "1798.105(d)(8)"),
        Refusal("unfounded", _("Manifestly unfounded or excessive"), "1798.145(h)(3)"),
        Refusal("identity_not_shown", _("The request cannot be verified"), "11 CCR 7022, 7060"),
    ),
    remedy=_(
        "You may submit a complaint to the California Privacy Protection Agency or the "
        "Attorney General."
    ),
    notices=(
        NoticeDuty(Notice.ACKNOWLEDGEMENT, "11 CCR 7021(a)"),
        NoticeDuty(Notice.IDENTITY_REQUEST, "11 CCR 7062"),
        NoticeDuty(Notice.EXTENSION, "11 CCR 7021(b)"),
        NoticeDuty(Notice.REFUSAL, "11 CCR 7022(f)"),
        NoticeDuty(Notice.COMPLETION, "11 CCR 7022"),
        NoticeDuty(Notice.FAILURE),
    ),
    retention=RetentionRule("ccpa", months=24, citation="11 CCR 7101"),
    identity_days=45,
)
