"""The profiles by what they claim: behaviour, erasure, exactness.

**behavioural** asks the model as it is. **erasure** adds what tampering brings back: a model that
merely hides passes the first and not the second. Its tampering is what whoever holds the weights
would try first: training on (Lynch et al., arXiv 2402.16835) and rounding to four bits (Zhang et
al., arXiv 2410.16454), and reading the answer off inner layers (Patil et al., arXiv 2309.17410).

**exact** is for methods whose claim does not rest on tests: the model was trained anew without
the records, and the job lists what it was trained on. The gate ``lineage`` checks that list: no
forget record's id and no copy of its text is in it. The tests are then *regression tests*. They
have to find the fault that would make the claim untrue (a list that is not what was trained on,
paraphrases left in, a shard forgotten, the wrong model registered); they need not prove by
themselves what the lineage shows. From that follows, and no more than that:

* Twenty records, or five, cannot always *show* equivalence. An honest retrain would then be
  "inconclusive" however often it is repeated, and no better method exists to turn to. So a
  mandatory check may stay inconclusive if that is for want of power alone: each of its estimates
  lies within its margin, and each interval contains the value of somebody never seen
  (:func:`verification.policy.only_underpowered`). One estimate outside its margin, or one interval
  that excludes the stranger's value, is a finding and does sink it.
* For the same reason the power gate informs here and does not gate, margins begin at 3 records,
  and the residual and relearning margins are .30 instead of .20.
* What finds a fault is as sharp as ever: the positive control must show that these records *would*
  be found if they were there (so a model that deleted nothing cannot slip through), an interval
  wholly beyond its margin fails, and so does a small leak p-value after Holm's correction.

Without a verified lineage nothing of this applies and an exact method earns what its tests show:
erasure at most. What the lineage gate cannot see is said on the report: whether the list itself
is true is vouched for by whoever ran the training.
"""

from __future__ import annotations

from contract.report import Tier
from verification.profiles.margins import REGRESSION_MARGINS
from verification.profiles.profile import GATES, Profile, Requirement

VERSION = 2
RELEARNING_ATTACKS = (
    "relearn-forget-16",
    "relearn-forget-100",
    "relearn-retain-16",
    "relearn-retain-100",
)
EXACT_GATES = (*(name for name in GATES if name != "power"), "lineage")

BEHAVIOURAL_CHECKS = (
    Requirement("membership"),
    Requirement("residual", may_not_apply=True),
    Requirement("extraction"),
    Requirement("utility"),
)
ERASURE_CHECKS = (
    *BEHAVIOURAL_CHECKS,
    Requirement("logit_lens", may_not_apply=True),
    Requirement("concept_vectors", may_not_apply=True),
    Requirement("residual", "quantise-int4", may_not_apply=True),
    *(Requirement("relearning", attack) for attack in RELEARNING_ATTACKS),
)
DIAGNOSTICS = (
    Requirement("linear_probe"),
    Requirement("patching"),
    Requirement("weight_distance"),
)
"""Seen inside the model: worth reading, and not yet known well enough to decide by."""
IDENTIFIERS = Requirement("identifiers", may_not_apply=True)

BEHAVIOURAL = Profile(
    name="behavioural",
    version=VERSION,
    title="The model behaves as if it had never seen the records",
    grants=Tier.BEHAVIOURAL,
    requirements=BEHAVIOURAL_CHECKS,
)
ERASURE = Profile(
    name="erasure",
    version=VERSION,
    title="The records do not come back either when the model is tampered with",
    grants=Tier.ERASURE,
    requirements=ERASURE_CHECKS,
    diagnostics=DIAGNOSTICS,
)
EXACT = Profile(
    name="exact",
    version=VERSION,
    title="The records took no part in training, and no test speaks against it",
    grants=Tier.EXACT,
    requirements=(*ERASURE_CHECKS, IDENTIFIERS),
    diagnostics=DIAGNOSTICS,
    gates=EXACT_GATES,
    margins=REGRESSION_MARGINS,
    residual=0.30,
    relearned=0.30,
    regression=True,
)
