"""The page's own sentences: what a verdict means, and what the words in it mean."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from contract.report import Report, Tier, Verdict

MARKS: Mapping[Verdict, tuple[str, str, str]] = MappingProxyType(
    {
        Verdict.PASS: ("good", "\u2713", "Passed"),
        Verdict.FAIL: ("bad", "\u2715", "Failed"),
        Verdict.INCONCLUSIVE: ("warn", "?", "Not decided"),
        Verdict.INVALID: ("bad", "!", "Not valid"),
        Verdict.NOT_APPLICABLE: ("still", "\u2013", "Not applicable"),
    }
)
"""Tone, sign and word of every verdict; no meaning is carried by colour alone."""

TIERS: Mapping[Tier, str] = MappingProxyType(
    {
        Tier.BEHAVIOURAL: "behavioural removal",
        Tier.ERASURE: "erasure, by evidence",
        Tier.EXACT: "exact erasure",
    }
)
_MEANINGS: Mapping[Verdict, str] = MappingProxyType(
    {
        Verdict.FAIL: (
            "The request is not fulfilled by this model. What was found is listed below; the "
            "model must not be called free of these records."
        ),
        Verdict.INCONCLUSIVE: (
            "It is neither shown that the records are gone nor that they are still there. Until "
            "that is resolved, treat the request as not fulfilled."
        ),
        Verdict.INVALID: (
            "The conditions under which a result would count were not met. Nothing may be "
            "concluded about the model, neither good nor bad."
        ),
        Verdict.NOT_APPLICABLE: (
            "The model before the deletion could not be told from one that never saw the records. "
            "So no test can show that something was removed; it can only be said that nothing is "
            "to be found, and nothing was to be found before."
        ),
    }
)
_PASSED: Mapping[Tier, str] = MappingProxyType(
    {
        Tier.BEHAVIOURAL: (
            "Asked and measured in every way listed below, the model behaves as if it had never "
            "seen the records. Whether traces are left inside was not tested: this may be called "
            "removal of behaviour, not erasure."
        ),
        Tier.ERASURE: (
            "Within the stated margins the model cannot be told from one that never saw the "
            "records, also after it was tampered with to bring them back. This may be called "
            "erasure, with the limits listed below."
        ),
        Tier.EXACT: (
            "The records are in none of the data the model was trained on, as it is listed, and no "
            "test speaks against that. This may be called exact erasure, with the limits listed "
            "below."
        ),
    }
)
SUPPRESSED = (
    "The model hides the records rather than having lost them: they come back when it is "
    "tampered with, or the method only changes what it answers."
)
FOREST = (
    "Every line is one statistic with its confidence interval. The middle line is what a person "
    "has whom the model never saw; the shaded band is what the profile tolerates. A line wholly "
    "inside the band is shown to be harmless. One that crosses its edge settles nothing; one "
    "wholly outside is evidence that something is left, or was done too much of."
)
COST = (
    "Checks share what they ask: a question that several of them need is asked once, and counted "
    "where it was asked first."
)
GLOSSARY: tuple[tuple[str, str], ...] = (
    (
        "Never-trained people (twins)",
        (
            "People made or chosen like the trained ones, and kept out of training by a coin flip. "
            "They show what the model says about somebody it does not know."
        ),
    ),
    (
        "Margin",
        (
            "How far from a never-trained person the records may be and still count as gone. "
            "It was fixed before the model was seen, and is wider where there are few records."
        ),
    ),
    (
        "Interval",
        "The range in which the true value lies, as far as so many records can tell.",
    ),
    (
        "AUC",
        (
            "How often an attacker picks the right one of two records, one of this person and one "
            "of somebody never seen. One half (0.5) is guessing."
        ),
    ),
    (
        "Residual fraction",
        (
            "The share of what the model had memorised that is still there: 1 is all of it, 0 is "
            "as with a stranger."
        ),
    ),
    (
        "p",
        (
            "How probable the finding would be if the person were like everybody never seen. Small "
            "values speak for a leak; they are corrected for how many tests were made."
        ),
    ),
)


def meaning(report: Report) -> str:
    """Return what the verdict means for the request."""
    if report.verdict is Verdict.PASS:
        return _PASSED[report.tier or Tier.BEHAVIOURAL]
    text = _MEANINGS[report.verdict]
    return f"{text} {SUPPRESSED}" if report.mechanism == "suppressed" else text
