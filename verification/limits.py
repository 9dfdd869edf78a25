"""What a verification does not show: the sentences a certificate must print with its verdict."""

from __future__ import annotations

from collections.abc import Sequence

from contract.report import CheckResult, Verdict
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


def limits_of(
    profile: Profile,
    checks: Sequence[CheckResult],
    records: int,
    twins: int,
    twin_subjects: int,
) -> tuple[str, ...]:
    """Return the limits of a verification, most specific first."""
    attacks = {item.attack for item in checks if item.attack}
    return (
        f"Compared with {twins} records of {twin_subjects} people the model was never trained on.",
        _margins(profile, records),
        (
            f"Every test was made at level {profile.alpha:g}: if a mandatory check's leak were as "
            f"large as its margin, a pass would be given in at most {profile.alpha:.0%} of cases, "
            "as far as the validity gates hold."
        ),
        *(
            f"Not applicable here, so nothing is shown by it: {item.title}."
            for item in checks
            if item.mandatory and item.verdict is Verdict.NOT_APPLICABLE
        ),
        *(() if any("relearn" in attack for attack in attacks) else (_UNTAMPERED,)),
        *(() if any("quantis" in attack for attack in attacks) else (_QUANTISED,)),
        *OUT_OF_SCOPE,
    )


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
