"""What a certificate is made from: plain frozen data, filled in by whoever ran the work.

No field holds a data subject's name, text or label. People who acted appear by role and date.
"""

from __future__ import annotations

from dataclasses import field
from datetime import date, datetime

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.record import FROZEN
from contract.report import Report, Tier, Verdict
from contract.result import Result


@dataclass(frozen=True, config=FROZEN)
class PersonFacts:
    """Someone who acted: in which role, and when."""

    role: str
    on: date


@dataclass(frozen=True, config=FROZEN)
class ScopeFacts:
    """A part of one dataset version that had to go.

    ``levels`` names the levels of the scoped nodes (patient, study, ...), never their labels;
    ``commitment`` pins down which records they were (:func:`expunge.audit.leaves.commitment`).
    """

    dataset: str
    version: int
    digest: str
    levels: tuple[str, ...]
    records: int
    commitment: str = ""


@dataclass(frozen=True, config=FROZEN)
class ExemptionFacts:
    """A part of the request's scope that was kept, and the law that let the controller keep it.

    ``level`` names the level of the part (patient, study, ...), never its label; it is empty
    when all of the scope in the dataset was kept.
    """

    dataset: str
    level: str
    code: str
    citation: str
    review_on: date


@dataclass(frozen=True, config=FROZEN)
class AttemptFacts:
    """One attempt, successful or not: why this method, what it did, what the attacks found.

    ``result`` and ``report`` are the libraries' own files; either is ``None`` when the attempt
    did not get that far. ``requests`` is how many requests shared the run; ``original`` names the
    version it started from, where it is another than the model's ``before``.
    """

    number: int
    method: str
    title: str
    effect: Effect
    reason: str
    result: Result | None = None
    report: Report | None = None
    preregistration: str | None = None
    requests: int = 1
    original: str | None = None

    @property
    def verdict(self) -> Verdict | None:
        """Return what the verification said, if there was one."""
        return self.report.verdict if self.report else None

    @property
    def tier(self) -> Tier | None:
        """Return what a passed verification may be called."""
        return self.report.tier if self.report and self.verdict is Verdict.PASS else None


@dataclass(frozen=True, config=FROZEN)
class ModelFacts:
    """A model version that had been trained on the data, and every attempt on it, in order.

    ``after`` and ``after_version`` name the new version; they are ``None`` when none was made.
    """

    name: str
    version: int
    before: str
    attempts: tuple[AttemptFacts, ...]
    after: str | None = None
    after_version: int | None = None
    disposition: str = ""

    @property
    def deciding(self) -> AttemptFacts | None:
        """Return the attempt the outcome rests on: the last one."""
        return self.attempts[-1] if self.attempts else None


@dataclass(frozen=True, config=FROZEN)
class CertificateFacts:
    """Everything a certificate says, but its number, its issuer and its kind.

    The kind follows from the reports and cannot be passed in. ``ticket`` is the ticket's
    reference, a pseudonym; ``limits`` add to those of the reports.
    """

    ticket: str
    controller: str
    regime: str
    ground: str
    requested_on: date
    completed_at: datetime
    scope: tuple[ScopeFacts, ...]
    models: tuple[ModelFacts, ...]
    exemptions: tuple[ExemptionFacts, ...] = ()
    people: tuple[PersonFacts, ...] = ()
    category: str = ""
    dispositions: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    limits: tuple[str, ...] = field(default=())


FACTS: TypeAdapter[CertificateFacts] = TypeAdapter(CertificateFacts)
