"""HIPAA Privacy Rule, 45 CFR Part 164.

It gives no general right to erasure. A removal rests on an authorization that was revoked, an
amendment, a restriction, a contract that ended, or the covered entity's own policy.
"""

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
    name="hipaa",
    profile="hipaa",
    title="HIPAA",
    claim=_("Removal of protected health information"),
    explanation=_(
        "HIPAA has no general right to have data deleted. This removal rests on the basis "
        "named here."
    ),
    grounds=(
        Ground(
            "authorization_revoked",
            _("Authorization revoked"),
            "45 CFR 164.508(b)(5)",
            meaning=_("The use rested on the person's authorization, and they have revoked it."),
        ),
        Ground(
            "amendment",
            _("Amendment of the record"),
            "45 CFR 164.526",
            "hipaa-164.526",
            meaning=_("The record is wrong or incomplete, and its correction was accepted."),
        ),
        Ground(
            "associate_terminated",
            _("Business-associate agreement ended: return or destroy, if feasible"),
            "45 CFR 164.504(e)(2)(ii)(J)",
            meaning=_("The agreement under which the data was received has ended."),
        ),
        Ground(
            "restriction",
            _("Restriction of use agreed"),
            "45 CFR 164.522(a)",
            meaning=_("The entity agreed not to use the data in this way."),
        ),
        Ground(
            "contract",
            _("Contract"),
            "The contract named in the review",
            meaning=_("A contract with the person or with the source of the data asks for it."),
        ),
        Ground(
            "policy",
            _("Policy of the covered entity"),
            "The policy named in the review",
            meaning=_("The entity's own policy asks for it."),
        ),
    ),
    exemptions=(
        ExemptionRule(
            "retention_duty", _("Must be kept by law"), "45 CFR 164.316(b)(2)(i), 164.530(j)"
        ),
        ExemptionRule(
            "relied_upon",
            _("Already used in reliance on the authorization"),
            "45 CFR 164.508(b)(5)(i)",
        ),
        ExemptionRule(
            "not_feasible",
            _("Return or destruction is not feasible; protections are extended"),
            "45 CFR 164.504(e)(2)(ii)(J)",
        ),
        ExemptionRule(
            "not_designated",
            _("Not part of the designated record set"),
            "45 CFR 164.526(a)(2)(ii)",
        ),
        ExemptionRule("de_identified", _("De-identified"), "45 CFR 164.514(b)"),
    ),
    clocks=(
        ClockRule(
            id="policy-60-days",
            citation="Target of the covered entity; HIPAA sets no period for this basis",
            extension=ExtensionRule("Target of the covered entity", days=90),
            days=60,
        ),
        ClockRule(
            id="hipaa-164.526",
            citation="45 CFR 164.526(b)(2)(i)",
            extension=ExtensionRule("45 CFR 164.526(b)(2)(ii), with written reasons", days=90),
            days=60,
        ),
    ),
    refusals=(
        Refusal(
            "record_accurate", _("The record is accurate and complete"), "45 CFR 164.526(a)(2)(iv)"
        ),
        Refusal("not_ours", _("Not created by this entity"), "45 CFR 164.526(a)(2)(i)"),
        Refusal(
            "not_designated", _("Not part of the designated record set"), "45 CFR 164.526(a)(2)(ii)"
        ),
        Refusal("relied_upon", _("Already acted in reliance on it"), "45 CFR 164.508(b)(5)(i)"),
        Refusal("retention_duty", _("Must be kept by law"), "45 CFR 164.316(b)(2)(i), 164.530(j)"),
        Refusal("no_basis", _("None of the bases applies"), "45 CFR Part 164"),
        Refusal("identity_not_shown", _("The person cannot be verified"), "45 CFR 164.514(h)"),
    ),
    remedy=_(
        "You may complain to the covered entity or to the Secretary of Health and Human Services "
        "(45 CFR 164.530(d), 160.306). Where an amendment was refused, you may also submit a "
        "statement of disagreement (45 CFR 164.526(d))."
    ),
    notices=(
        NoticeDuty(Notice.ACKNOWLEDGEMENT),
        NoticeDuty(Notice.IDENTITY_REQUEST, "45 CFR 164.514(h)"),
        NoticeDuty(Notice.EXTENSION, "45 CFR 164.526(b)(2)(ii)"),
        NoticeDuty(Notice.REFUSAL, "45 CFR 164.526(d)"),
        NoticeDuty(Notice.COMPLETION, "45 CFR 164.526(c)"),
        NoticeDuty(Notice.FAILURE),
    ),
    retention=RetentionRule("hipaa", months=72, citation="45 CFR 164.316(b)(2)(i), 164.530(j)"),
)
