"""What a certificate is made from: plain frozen data, filled in by whoever ran the work.

No field holds a data subject's name, text or label. People who acted appear by role and date.
What the platform itself has to say stands as a code, so that a document can say it in any
language; the reports keep the verifier's own words. Pure: no Django.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.record import FROZEN
from contract.report import Report, Tier, Verdict
from contract.result import Result

DESCRIBED = ConfigDict(**FROZEN, use_attribute_docstrings=True)
"""As :data:`FROZEN`; the text below a field is its description in the published schema."""
Language = Literal["en", "de"]


class ActorRole(StrEnum):
    """In which role somebody acted."""

    REVIEWER = "reviewer"
    APPROVER = "approver"
    OPERATOR = "operator"
    VERIFIER = "verifier"


class Category(StrEnum):
    """What kind of data was in scope."""

    PERSONAL = "personal"
    HEALTH = "health"


class Disposition(StrEnum):
    """What became of the version that still holds the data."""

    KEPT_UNTIL_RETIRED = "kept_until_retired"
    COVERED_BEFORE = "covered_before"
    WITHDRAWN = "withdrawn"
    DELETED = "deleted"


class Residual(StrEnum):
    """What the document says nothing about, whatever the reports say."""

    INFLUENCE = "influence"
    BACKUPS = "backups"
    COPIES_ELSEWHERE = "copies_elsewhere"
    OLD_WEIGHTS = "old_weights"


@dataclass(frozen=True, config=DESCRIBED)
class PersonFacts:
    """Someone who acted: in which role, and when."""

    role: ActorRole
    """``reviewer`` and ``approver`` are two people; ``operator`` ran the methods, ``verifier``
    attacked their result: both are the platform's own programs."""
    on: date
    """The day, where the controller is."""


@dataclass(frozen=True, config=DESCRIBED)
class ScopeFacts:
    """A part of one dataset version that had to go."""

    dataset: str
    """The dataset's name."""
    version: int
    """Its version."""
    digest: str
    """SHA-256 of that version."""
    levels: tuple[str, ...]
    """The levels of the hierarchy that were named (patient, study, ...), never their labels."""
    records: int
    """How many records had to go."""
    commitment: str = ""
    """HMAC-SHA256 over the records' digests under the ticket's key: says which records they were
    to whoever is given the key, and nothing once it is destroyed."""


@dataclass(frozen=True, config=DESCRIBED)
class ExemptionFacts:
    """A part of the request's scope that was kept, and the law that lets the controller."""

    dataset: str
    """The dataset's name."""
    level: str
    """The level of the part, never its label; empty when all of the scope was kept."""
    code: str
    """The exemption's code."""
    citation: str
    """The rule of law."""
    review_on: date
    """When the controller looks again whether the exemption still holds."""


@dataclass(frozen=True, config=DESCRIBED)
class TrainingFacts:
    """A dataset version that a model version was trained on."""

    dataset: str
    """The dataset's name."""
    version: int
    """Its version."""
    digest: str
    """SHA-256 of that version."""


@dataclass(frozen=True, config=DESCRIBED)
class VersionFacts:
    """Another version of a model: one it was made from, or one that was made from it."""

    name: str
    """The model's name."""
    version: int
    """The number of the version."""
    digest: str
    """SHA-256 of its manifest."""


@dataclass(frozen=True, config=DESCRIBED)
class RecipientFacts:
    """Somebody to whom the model or the data was disclosed, and what they were told."""

    name: str
    """The organisation."""
    notified_on: date | None = None
    """When it was told of the request's outcome."""
    acknowledged_on: date | None = None
    """When it answered."""
    excuse: str = ""
    """The code of why it was not told, where that is impossible or out of proportion."""


@dataclass(frozen=True, config=DESCRIBED)
class AttemptFacts:
    """One attempt, successful or not: why this method, what it did, what the attacks found."""

    number: int
    """Its number among the attempts on this model, from 1."""
    method: str
    """The method's name in the catalog."""
    title: str
    """The method's title."""
    effect: Effect
    """What the method can honestly claim."""
    reason: str
    """Why this method was tried: the planner's sentence."""
    result: Result | None = None
    """The method's own record: settings, seed, code versions, duration. ``null``: it did not
    get that far."""
    report: Report | None = None
    """The verifier's report. ``null``: it was not verified."""
    preregistration: str | None = None
    """SHA-256 of the plan of tests, logged before the result existed."""
    requests: int = 1
    """How many requests shared the run; each is verified by itself."""
    original: str | None = None
    """Digest of the version it started from, where that is not the model's ``before``."""

    @property
    def verdict(self) -> Verdict | None:
        """Return what the verification said, if there was one."""
        return self.report.verdict if self.report else None

    @property
    def tier(self) -> Tier | None:
        """Return what a passed verification may be called."""
        return self.report.tier if self.report and self.verdict is Verdict.PASS else None


@dataclass(frozen=True, config=DESCRIBED)
class ModelFacts:
    """A model version that had been trained on the data, and every attempt on it, in order."""

    name: str
    """The model's name."""
    version: int
    """The version that held the data."""
    before: str
    """SHA-256 of that version's manifest (path, size and SHA-256 of every file)."""
    attempts: tuple[AttemptFacts, ...]
    """Every attempt in order, failed ones too."""
    after: str | None = None
    """SHA-256 of the new version's manifest; ``null`` when none was made."""
    after_version: int | None = None
    """The number of the new version."""
    disposition: Disposition | None = None
    """What became of the old weights."""
    trained_on: tuple[TrainingFacts, ...] = ()
    """What the version that held the data was trained on."""
    made_from: tuple[VersionFacts, ...] = ()
    """The versions it came from, nearest first."""
    copies: tuple[VersionFacts, ...] = ()
    """Further versions that were made from it and are registered."""

    @property
    def deciding(self) -> AttemptFacts | None:
        """Return the attempt the outcome rests on: the last one."""
        return self.attempts[-1] if self.attempts else None


@dataclass(frozen=True, config=DESCRIBED)
class CertificateFacts:
    """Everything a certificate says, but its number, its issuer and its kind.

    The kind follows from the reports and cannot be passed in.
    """

    ticket: str
    """The ticket's reference: the pseudonym under which the person appears."""
    controller: str
    """The organisation that decides over the data."""
    regime: str
    """The law: ``gdpr``, ``hipaa`` or ``ccpa``."""
    ground: str
    """The code of the ground in that law."""
    requested_on: date
    """When the request was received."""
    completed_at: datetime
    """When the last model was verified, or given up."""
    scope: tuple[ScopeFacts, ...]
    """What had to go, per dataset version."""
    models: tuple[ModelFacts, ...]
    """Every model version that had been trained on it."""
    language: Language = "en"
    """The language in which the document was printed. The statement itself speaks in codes."""
    citation: str = ""
    """The rule of law of the ground."""
    category: Category = Category.PERSONAL
    """The kind of data."""
    exemptions: tuple[ExemptionFacts, ...] = ()
    """What was kept, and why."""
    people: tuple[PersonFacts, ...] = ()
    """Who acted, by role and day."""
    recipients: tuple[RecipientFacts, ...] = ()
    """Who had received the model or the data, and was told."""
    backups_expire_on: date | None = None
    """When the last backup that holds the old weights expires; ``null``: not known here."""
    residuals: tuple[Residual, ...] = ()
    """What this document does not cover, beside the limits of its reports."""
    software: str = ""
    """The version of the platform that did the work."""


FACTS: TypeAdapter[CertificateFacts] = TypeAdapter(CertificateFacts)
