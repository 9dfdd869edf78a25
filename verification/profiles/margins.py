"""Margins by sample size: how close to a stranger's is close enough, with so many records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Margins:
    """The margins that hold from ``records`` records on.

    ``equivalence``: distance of the membership AUC from one half. ``extraction``: excess of the
    upper bound of the extracted share over the twins' share (0 of n is the least one can find,
    so it cannot be below the exact bound for 0 of n).
    """

    records: int
    equivalence: float
    extraction: float


@dataclass(frozen=True)
class BlindCeiling:
    """The highest upper bound of the blind baseline's AUC, from ``twins`` twin persons on.

    With few persons even a perfect coin flip leaves the baseline uncertain, so the ceiling stands
    where an honest draw stays below it in 95 of 100 cases: one half, 1.96 standard deviations of
    the estimate's interval and 1.645 of the estimate itself. Simulated for 12 trained persons, one
    standard deviation is .076 with 9 twin persons, .063 with 18 and .052 with 27.
    """

    twins: int
    ceiling: float


MARGINS = (
    Margins(records=9, equivalence=0.30, extraction=0.30),
    Margins(records=15, equivalence=0.25, extraction=0.20),
    Margins(records=19, equivalence=0.25, extraction=0.15),
    Margins(records=40, equivalence=0.20, extraction=0.10),
    Margins(records=80, equivalence=0.15, extraction=0.10),
    Margins(records=200, equivalence=0.10, extraction=0.05),
)
REGRESSION_MARGINS = (
    Margins(records=3, equivalence=0.40, extraction=0.65),
    Margins(records=5, equivalence=0.35, extraction=0.46),
    *MARGINS,
)
"""For tests that only watch over a claim shown otherwise: they need to find a fault that is
there, not to prove by themselves that none is, so they begin with fewer records."""
BLIND_CEILINGS = (
    BlindCeiling(0, 0.80),
    BlindCeiling(12, 0.75),
    BlindCeiling(24, 0.70),
    BlindCeiling(50, 0.60),
)
WIDEST_USUAL_MARGIN = 0.25
"""Above this the evidence is called weak in plain words."""
