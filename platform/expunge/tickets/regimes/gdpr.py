"""Regulation (EU) 2016/679: erasure under Article 17, within the time of Article 12."""

from django.utils.translation import gettext_lazy as _

from expunge.tickets.law import (
    ClockRule,
    ExemptionRule,
    ExtensionRule,
    Ground,
    Notice,
    NoticeDuty,
    PauseRule,
    Refusal,
    Regime,
    RetentionRule,
)

REGIME = Regime(
    name="gdpr",
    profile="gdpr",
    title=_("GDPR"),
    claim=_("Right to erasure"),
    explanation=_(
        "Article 17 lets a person have their personal data erased without undue delay "
        "when one of its grounds applies."
    ),
    grounds=(
        Ground(
            "no_longer_necessary",
            _("No longer necessary"),
            "GDPR Art. 17(1)(a)",
            meaning=_("The purpose the data was collected for has been reached or given up."),
        ),
        Ground(
            "consent_withdrawn",
            _("Consent withdrawn"),
            "GDPR Art. 17(1)(b)",
            meaning=_(
                "The data was used because the person agreed, and they have taken that back."
            ),
        ),
        Ground(
            "objection",
            _("Objection to the processing"),
            "GDPR Art. 17(1)(c)",
            meaning=_("The person objects, and nothing weightier speaks for going on."),
        ),
        Ground(
            "unlawful",
            _("Processed unlawfully"),
            "GDPR Art. 17(1)(d)",
            meaning=_("There was never a lawful basis for using the data."),
        ),
        Ground(
            "legal_obligation",
            _("Erasure required by law"),
            "GDPR Art. 17(1)(e)",
            meaning=_("A law of the Union or of a member state requires the erasure."),
        ),
        Ground(
            "child",
            _("Collected from a child online"),
            "GDPR Art. 17(1)(f)",
            meaning=_("The person was a child when an online service collected the data."),
        ),
    ),
    exemptions=(
        ExemptionRule(
            "expression", _("Freedom of expression and information"), "GDPR Art. 17(3)(a)"
        ),
        ExemptionRule("legal_duty", _("Legal obligation or public task"), "GDPR Art. 17(3)(b)"),
        ExemptionRule("public_health", _("Public interest in public health"), "GDPR Art. 17(3)(c)"),
        ExemptionRule("research", _("Archiving, research or statistics"), "GDPR Art. 17(3)(d)"),
        ExemptionRule("legal_claims", _("Legal claims"), "GDPR Art. 17(3)(e)"),
    ),
    clocks=(
        ClockRule(
            id="gdpr-12(3)",
            citation="GDPR Art. 12(3); Regulation (EEC, Euratom) 1182/71 Art. 3",
            extension=ExtensionRule("GDPR Art. 12(3), second sentence", months=3),
            months=1,
            rolls=True,
            pauses=(
                PauseRule(
                    "identity",
                    _("Waiting until the person shows who they are"),
                    "GDPR Art. 12(6), 11(2)",
                    asked_within=3,
                ),
            ),
        ),
    ),
    refusals=(
        Refusal("expression", _("Freedom of expression and information"), "GDPR Art. 17(3)(a)"),
        Refusal("legal_duty", _("Legal obligation or public task"), "GDPR Art. 17(3)(b)"),
        Refusal("public_health", _("Public interest in public health"), "GDPR Art. 17(3)(c)"),
        Refusal("research", _("Archiving, research or statistics"), "GDPR Art. 17(3)(d)"),
        Refusal("legal_claims", _("Legal claims"), "GDPR Art. 17(3)(e)"),
        Refusal("no_ground", _("None of the grounds applies"), "GDPR Art. 17(1)"),
        Refusal("unfounded", _("Manifestly unfounded or excessive"), "GDPR Art. 12(5)"),
        Refusal(
            "identity_not_shown", _("The person cannot be identified"), "GDPR Art. 12(2), 12(6)"
        ),
    ),
    remedy=_(
        "You may lodge a complaint with a supervisory authority and seek a judicial remedy "
        "(GDPR Art. 12(4))."
    ),
    notices=(
        NoticeDuty(Notice.ACKNOWLEDGEMENT),
        NoticeDuty(Notice.IDENTITY_REQUEST, "GDPR Art. 12(6)"),
        NoticeDuty(Notice.EXTENSION, "GDPR Art. 12(3), second sentence"),
        NoticeDuty(Notice.REFUSAL, "GDPR Art. 12(4)"),
        NoticeDuty(Notice.COMPLETION, "GDPR Art. 12(3)"),
        NoticeDuty(Notice.FAILURE),
    ),
    retention=RetentionRule("gdpr", months=36, citation="GDPR Art. 5(2)", configurable=True),
)
