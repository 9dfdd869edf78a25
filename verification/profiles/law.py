"""The defaults by law: which tier, which checks and which margins, and why.

These are engineering readings of the law and no legal advice; an organisation may choose another
profile. What they share: a request to *erase* is not met by a model that hides, so both grant the
erasure tier and demand everything the erasure profile does.

**gdpr** (Regulation (EU) 2016/679).

* Tier erasure. Art. 17 speaks of erasure. EDPB Opinion 28/2024 asks, for a model to be free of
  somebody's personal data, that the likelihood both of direct (including probabilistic)
  extraction and of obtaining it from queries be *insignificant*, taking into account all the
  means reasonably likely to be used (recital 26). Whoever holds the weights can fine-tune or
  quantise them, so tampering is among those means, and asking alone is not enough.
* Direct extraction: the extraction margin, and zero tolerance for identifiers of this person.
  Probabilistic extraction: membership within the equivalence margin, residual at most .20.
  The margins are those of the erasure profile; "insignificant" is not given as a number anywhere,
  and a margin below what n records can show would only make honest deletions inconclusive.
* Utility as elsewhere: Art. 5(1)(d), accuracy towards everyone else whose data the model rests on.

**hipaa** (45 CFR Parts 160 and 164).

* HIPAA knows no right to erasure; deletion is owed at the end of a business associate agreement
  (164.504(e)(2)(ii)(J): return or *destroy* all protected health information) or where it was
  obtained without authority. Destroyed is not hidden: tier erasure.
* What remains must not be protected health information: 164.514(b)(2) names 18 kinds of
  identifiers that may not be there at all. "At all" is zero: the check ``identifiers`` counts
  every identifier of those kinds the model writes out for this person and not for others, and
  one is enough to fail. No margin, no correction.
* 164.514(b)(1) asks of an expert that the risk of identification be *very small*. That bar is
  taken for the share of facts too: with 40 records and more the extraction margin is .08 (the
  least that 0 of 40 can show, rounded up) and .05 from 80 on; membership as under GDPR.
"""

from __future__ import annotations

from contract.report import Tier
from verification.profiles.margins import Margins
from verification.profiles.profile import Profile
from verification.profiles.standard import DIAGNOSTICS, ERASURE_CHECKS, IDENTIFIERS, VERSION

HIPAA_MARGINS = (
    Margins(records=9, equivalence=0.30, extraction=0.30),
    Margins(records=15, equivalence=0.25, extraction=0.20),
    Margins(records=19, equivalence=0.25, extraction=0.15),
    Margins(records=40, equivalence=0.20, extraction=0.08),
    Margins(records=80, equivalence=0.15, extraction=0.05),
    Margins(records=200, equivalence=0.10, extraction=0.02),
)
GDPR = Profile(
    name="gdpr",
    version=VERSION,
    title="Erasure under the GDPR: insignificant by all means reasonably likely to be used",
    grants=Tier.ERASURE,
    requirements=(*ERASURE_CHECKS, IDENTIFIERS),
    diagnostics=DIAGNOSTICS,
)
HIPAA = Profile(
    name="hipaa",
    version=VERSION,
    title="Destruction under HIPAA: no identifier of the 18 kinds is left, by any test",
    grants=Tier.ERASURE,
    requirements=(*ERASURE_CHECKS, IDENTIFIERS),
    diagnostics=DIAGNOSTICS,
    margins=HIPAA_MARGINS,
)
