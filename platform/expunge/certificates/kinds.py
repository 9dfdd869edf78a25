"""The four documents, and which of them the reports have earned.

The weakest model decides: a person is not erased from an organisation while one model still
holds them. Nothing but a passed verification earns more than a statement of failed verification.
The sentences are English here; documents and pages look them up in their own language. Pure: no
Django.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contract.catalog import Effect
from contract.report import Tier
from expunge.certificates.facts import ModelFacts


def gettext_noop(text: str) -> str:
    """Mark a text for the collection of translations, without needing Django here."""
    return text


class Kind(StrEnum):
    """What a document is. Only the first two are certificates."""

    ERASURE = "erasure"
    BEHAVIOURAL = "behavioural"
    CONTAINMENT = "containment"
    NOT_VERIFIED = "not_verified"


CERTIFYING = frozenset({Kind.ERASURE, Kind.BEHAVIOURAL})


class RevocationReason(StrEnum):
    """Why a document no longer holds. The first two are found out by the platform itself."""

    REGRESSION = "regression"
    BROUGHT_BACK = "brought_back"
    ISSUED_IN_ERROR = "issued_in_error"
    SUPERSEDED = "superseded"


class SupersessionReason(StrEnum):
    """Why a newer document is to take the place of one that says nothing wrong about the tests."""

    LANGUAGE = "language"
    CORRECTION = "correction"
    KEY_COMPROMISED = "key_compromised"


BY_PEOPLE = frozenset({RevocationReason.ISSUED_IN_ERROR, RevocationReason.SUPERSEDED})
REVOKED_BECAUSE: Mapping[RevocationReason, str] = {
    RevocationReason.REGRESSION: gettext_noop(
        "a later version of a model failed a check that was passed before"
    ),
    RevocationReason.BROUGHT_BACK: gettext_noop(
        "a later version of a model was trained on the data again"
    ),
    RevocationReason.ISSUED_IN_ERROR: gettext_noop("it was issued in error"),
    RevocationReason.SUPERSEDED: gettext_noop("a newer document takes its place"),
}


@dataclass(frozen=True)
class Wording:
    """How a kind speaks of itself: title, one sentence, what was shown, what was not, one word."""

    title: str
    lead: str
    shown: str
    not_shown: str
    outcome: str


WORDING: Mapping[Kind, Wording] = {
    Kind.ERASURE: Wording(
        title=gettext_noop("Certificate of erasure"),
        lead=gettext_noop(
            "One person's data no longer acts in the models named here, as far as the attacks "
            "listed could tell."
        ),
        shown=gettext_noop(
            "The records in scope no longer act in the models named here: the new versions were "
            "attacked and behaved like models that had never seen the person, within the margins "
            "printed below."
        ),
        not_shown=gettext_noop(
            "This does not prove that no influence at all is left. It says that the attacks listed "
            "here, at the size of sample given, did not find any above the margins."
        ),
        outcome=gettext_noop("Erased"),
    ),
    Kind.BEHAVIOURAL: Wording(
        title=gettext_noop("Certificate of behavioural removal"),
        lead=gettext_noop(
            "The models named here no longer give one person's data away when they are asked; "
            "traces may be left inside them."
        ),
        shown=gettext_noop(
            "The models named here no longer answer, complete or recognise the records in scope "
            "better than records they were never trained on, within the margins printed below."
        ),
        not_shown=gettext_noop(
            "This does not say that the information is gone from the weights. Attacks on the "
            "weights, such as relearning or quantisation, were not passed or not part of this "
            "verification."
        ),
        outcome=gettext_noop("Behaviour removed"),
    ),
    Kind.CONTAINMENT: Wording(
        title=gettext_noop("Notice of containment only"),
        lead=gettext_noop("Nothing was erased: the data is only held back where a model answers."),
        shown=gettext_noop(
            "The records in scope are held back where the model is served: its answers were tested "
            "and do not give them out."
        ),
        not_shown=gettext_noop(
            "Nothing was erased. The information is still in the model's weights and comes back "
            "when the guard is taken away. This is not a certificate."
        ),
        outcome=gettext_noop("Contained only"),
    ),
    Kind.NOT_VERIFIED: Wording(
        title=gettext_noop("Statement of failed verification"),
        lead=gettext_noop("Deletion was tried and was not shown: assume the data is still there."),
        shown=gettext_noop(
            "Deletion was attempted and then attacked. At least one model did not pass, or could "
            "not be judged."
        ),
        not_shown=gettext_noop(
            "Deletion was not shown. The person's data must be assumed to be still in the models "
            "marked below. This is not a certificate."
        ),
        outcome=gettext_noop("Not verified"),
    ),
}

_SUPPRESSION = frozenset({Effect.WEIGHT_SUPPRESSION, Effect.SERVE_SUPPRESSION})
_STRENGTH = (Kind.NOT_VERIFIED, Kind.CONTAINMENT, Kind.BEHAVIOURAL, Kind.ERASURE)


def model_kind(model: ModelFacts) -> Kind:
    """Return what was shown about one model, judged by its deciding attempt."""
    attempt = model.deciding
    if attempt is None or attempt.report is None or attempt.tier is None:
        return Kind.NOT_VERIFIED
    if attempt.effect in _SUPPRESSION or attempt.report.mechanism == "suppressed":
        return Kind.CONTAINMENT
    return Kind.BEHAVIOURAL if attempt.tier is Tier.BEHAVIOURAL else Kind.ERASURE


def kind_of(models: Sequence[ModelFacts]) -> Kind:
    """Return the kind of the whole document: that of the weakest model.

    Raises:
        ValueError: There is no model to speak of.
    """
    if not models:
        raise ValueError("a certificate speaks of at least one model")
    return min((model_kind(model) for model in models), key=_STRENGTH.index)
