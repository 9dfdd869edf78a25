"""What a verification does not show: the sentences a certificate must print with its verdict."""

from __future__ import annotations

from collections.abc import Sequence

from contract.report import CheckResult, Verdict
from verification.evidence import Evidence
from verification.profiles import WIDEST_USUAL_MARGIN, Profile

OUT_OF_SCOPE = (
    (
        "Only the weights of this one model were tested: copies, search indexes, caches and models "
        "trained on its output are outside this verification."
    ),
    "No test can prove absence: attacks other than those listed may find what these did not.",
)
_QUANTISED = (
    "The model was tested in the precision it is stored in; a quantised copy of it was not tested."
)
_UNTAMPERED = "It was not tested whether the records come back when the model is trained further."


_UNLINEAGED = (
    "What the model was trained on was not examined: no list of its training records was given."
)
_LINEAGE = (
    "That the list of training records is true and complete is vouched for by whoever ran the "
    "training; the tests found nothing against it."
)
_NO_SHAM = (
    "No never-trained person was pushed through the same procedure as a control, so a mark that "
    "the procedure leaves on anybody would be read as one of this person."
)


def limits_of(
    profile: Profile, checks: Sequence[CheckResult], evidence: Evidence
) -> tuple[str, ...]:
    """Return the limits of a verification, most specific first."""
    attacks = {item.attack for item in checks if item.attack}
    return (
        (
            f"Compared with {evidence.twins} records of {evidence.twin_subjects} people the model "
            "was never trained on."
        ),
        _margins(profile, evidence.records),
        *_levels(profile, evidence),
        *((_LINEAGE,) if evidence.lineage_verified else ()),
        *((_UNLINEAGED,) if evidence.gate("lineage") is None else ()),
        *((_NO_SHAM,) if evidence.gate("sham") is None else ()),
        *(
            f"Not applicable here, so nothing is shown by it: {item.title}."
            for item in checks
            if item.mandatory and item.verdict is Verdict.NOT_APPLICABLE
        ),
        *(() if any("relearn" in attack for attack in attacks) else (_UNTAMPERED,)),
        *(() if any("quantis" in attack for attack in attacks) else (_QUANTISED,)),
        *OUT_OF_SCOPE,
    )


def _levels(profile: Profile, evidence: Evidence) -> tuple[str, ...]:
    """Return how often a leak would pass, this time and over all attempts of the request."""
    this = (
        f"Every test was made at level {profile.alpha:.2g}: if a mandatory check's leak were as "
        f"large as its margin, a pass would be given in at most {profile.alpha:.2g} of cases, "
        "as far as the validity gates hold."
    )
    regression = (
        "The tests watch over the list of training records: a mandatory check that stayed "
        "inconclusive for want of records alone was not held against the model."
    )
    found = (this, regression) if profile.regression else (this,)
    if not evidence.earlier_attempts:
        return found
    turns = range(1, evidence.earlier_attempts + 2)
    level = profile.alpha * len(turns)
    total = min(1.0, sum(level / turn for turn in turns))
    again = (
        f"This is candidate {len(turns)} for the same request; each is held to the level divided "
        f"by its number, and over all of them together a leak at the margin would have been "
        f"passed in at most {total:.2g} of cases."
    )
    return (*found, again)


def _margins(profile: Profile, records: int) -> str:
    """Return the margins in words, and that they are wide where they are."""
    margins = profile.margins_for(records)
    if margins is None:
        least = min(item.records for item in profile.margins)
        return (
            f"{records} records are too few for any margin: equivalence can be shown from {least} "
            "records on."
        )
    text = (
        f"With {records} records the margins are: membership AUC within {margins.equivalence:g} "
        f"of one half, extracted share at most {margins.extraction:g} above that of never-trained "
        f"records (upper bound), residual fraction at most {profile.residual:g}."
    )
    if margins.equivalence > WIDEST_USUAL_MARGIN:
        text += " These margins are wide because the records are few: this is weak evidence."
    return text
