"""The predicate of the statement as types: the facts, and what follows from them.

The published JSON Schema is made from these types (:mod:`expunge.certificates.schema`), and a
statement is built through them, so the two cannot differ. Pure: no Django.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from contract.report import Tier, Verdict
from expunge.certificates.facts import DESCRIBED, AttemptFacts, CertificateFacts, ModelFacts
from expunge.certificates.kinds import CERTIFYING, Kind


@dataclass(frozen=True, config=DESCRIBED)
class Evidence:
    """Digests (SHA-256 of the canonical JSON, RFC 8785) of an attempt's files."""

    result: str | None = None
    """Of the method's own record."""
    report: str | None = None
    """Of the verifier's report."""


@dataclass(frozen=True, config=DESCRIBED)
class Verification:
    """Whether and how the deciding attempt was tested: verification after NIST SP 800-88r2."""

    performed: bool
    """Whether the tests were run to their end."""
    profile: str | None = None
    """The policy profile that names the tests and margins."""
    profile_version: int | None = None
    """Its version."""
    preregistration: str | None = None
    """SHA-256 of the plan that was fixed beforehand."""
    level: float | None = None
    """The level of each test."""


@dataclass(frozen=True, config=DESCRIBED)
class Validation:
    """Whether it was effective: validation after NIST SP 800-88r2."""

    effective: bool
    """Whether the tests showed what the profile demands."""
    verdict: Verdict | None = None
    """The verifier's verdict."""
    tier: Tier | None = None
    """What a pass may be called."""


@dataclass(frozen=True, kw_only=True, config=DESCRIBED)
class StatedAttempt(AttemptFacts):
    """One attempt, successful or not, with the digests of its evidence."""

    evidence: Evidence
    """The digests of its record and its report."""


@dataclass(frozen=True, kw_only=True, config=DESCRIBED)
class StatedModel(ModelFacts):
    """A model version that had been trained on the data, and what was shown about it."""

    attempts: tuple[StatedAttempt, ...]
    """Every attempt in order, failed ones too; the last one decides."""
    kind: Kind
    """What was shown about this model."""
    verification: Verification
    """Was it tested?"""
    validation: Validation
    """Was it effective?"""


@dataclass(frozen=True, kw_only=True, config=DESCRIBED)
class Predicate(CertificateFacts):
    """The predicate of a certificate's in-toto statement."""

    id: str
    """The document's id (UUID)."""
    number: str
    """The document's number, as printed."""
    version: int
    """Counts the documents about one ticket, from 1."""
    supersedes: str | None
    """The number of the document whose place it takes."""
    issuer: str
    """Who issued it."""
    issued_at: datetime
    """When the statement was fixed."""
    kind: Kind
    """What the document is; that of the weakest model."""
    log: str
    """The origin of the audit log that recorded it."""
    status_url: str
    """Where the signed list of revoked documents is published."""
    models: tuple[StatedModel, ...]
    """Every model version that had been trained on the data."""

    @property
    def is_certificate(self) -> bool:
        """Say whether it certifies anything; a notice and a statement of failure do not."""
        return self.kind in CERTIFYING


PREDICATE: TypeAdapter[Predicate] = TypeAdapter(Predicate)
