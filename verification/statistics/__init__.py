"""Statistics that hold for one person's twenty records.

Pure numpy and scipy, exact where exact is possible. Orientation throughout: a higher score is
more evidence that the record is still in the model, so *positives* (or ``x``) are the records
that should be gone and *negatives* (or ``y``) those that were never trained on.

* ``ranks``: areas under the ROC curve, exact rank tests, the design effect of persons
* ``equivalence``: Wellek's Mann-Whitney equivalence test and its power
* ``resampling``: BCa bootstrap and the residual fraction
* ``worst``: the worst of many wordings, and the trend over steps
* ``proportions``: binomial bounds, one-run audits, multiplicity
"""

from verification.statistics.equivalence import (
    Equivalence,
    mann_whitney_equivalence,
    mann_whitney_equivalence_power,
)
from verification.statistics.proportions import (
    clopper_pearson,
    epsilon_lower_bound,
    harmonic_mean,
    holm,
    one_run_epsilon,
    one_run_p_value,
)
from verification.statistics.ranks import (
    auc,
    auc_interval,
    control_p_value,
    design_effect,
    ks_two_sample,
    leak_p_value,
    tpr_at_fpr,
)
from verification.statistics.resampling import (
    NoGapError,
    bca_interval,
    residual_fraction,
    residual_fraction_against_twins,
)
from verification.statistics.worst import page_trend, worst_column_p_value

__all__ = [
    "Equivalence",
    "NoGapError",
    "auc",
    "auc_interval",
    "bca_interval",
    "clopper_pearson",
    "control_p_value",
    "design_effect",
    "epsilon_lower_bound",
    "harmonic_mean",
    "holm",
    "ks_two_sample",
    "leak_p_value",
    "mann_whitney_equivalence",
    "mann_whitney_equivalence_power",
    "one_run_epsilon",
    "one_run_p_value",
    "page_trend",
    "residual_fraction",
    "residual_fraction_against_twins",
    "tpr_at_fpr",
    "worst_column_p_value",
]
