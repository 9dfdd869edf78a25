"""The machine-readable certificate: an in-toto Statement v1 about the models.

Its canonical JSON (RFC 8785) is what is signed, logged and printed: the PDF is made from the
statement and nothing else. Pure: no Django.

Source: in-toto attestation framework, statement v1; fields after NIST SP 800-88r2, which keeps
verification (was it run) and validation (was it effective) apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contract.canonical import PREFIX, canonical, digest_bytes
from contract.report import Verdict
from expunge.certificates.facts import FACTS, AttemptFacts, CertificateFacts, ModelFacts
from expunge.certificates.kinds import WORDING, Kind, kind_of, model_kind

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:expunge:certificate:v1"
EXACT_INTEGERS = 2**53


class FactsError(ValueError):
    """The facts contradict each other; no statement is made from them."""


@dataclass(frozen=True)
class Identity:
    """Which document this is, who issues it, and the log that will hold it."""

    id: str
    number: str
    issuer: str
    issued_at: datetime
    log: str
    version: int = 1
    supersedes: str | None = None


def build_statement(facts: CertificateFacts, identity: Identity) -> bytes:
    """Return the canonical bytes of the statement.

    Raises:
        FactsError: A report speaks of other models or another plan than the facts do.
        ValueError: There is no model.
    """
    kind = kind_of(facts.models)
    for model in facts.models:
        _check(model)
    stated = FACTS.dump_python(facts, mode="json")
    for model, said in zip(facts.models, stated["models"], strict=True):
        said["kind"] = model_kind(model)
    predicate = {
        "id": identity.id,
        "number": identity.number,
        "version": identity.version,
        "supersedes": identity.supersedes,
        "issuer": identity.issuer,
        "issued_at": identity.issued_at.isoformat(timespec="seconds"),
        "kind": kind,
        "title": WORDING[kind].title,
        "shown": WORDING[kind].shown,
        "not_shown": WORDING[kind].not_shown,
        "log": identity.log,
        **stated,
        "limits": _limits(facts),
    }
    return canonical(
        _exact(
            {
                "_type": STATEMENT_TYPE,
                "subject": [_subject(model) for model in facts.models],
                "predicateType": PREDICATE_TYPE,
                "predicate": predicate,
            }
        )
    )


def statement_digest(statement: bytes) -> str:
    """Return the digest by which the log knows a statement."""
    return digest_bytes(statement)


def kind_from(statement: dict[str, Any]) -> Kind:
    """Return the kind of a parsed statement."""
    return Kind(statement["predicate"]["kind"])


def _subject(model: ModelFacts) -> dict[str, Any]:
    digest = model.after or model.before
    version = model.after_version if model.after and model.after_version else model.version
    return {
        "name": f"{model.name} v{version}",
        "digest": {"sha256": digest.removeprefix(PREFIX)},
    }


def _check(model: ModelFacts) -> None:
    """Refuse a report that was not written about this model and this plan."""
    for attempt in model.attempts:
        report = attempt.report
        if report is None:
            continue
        _same(model, attempt, "original", report.original, attempt.original or model.before)
        _same(model, attempt, "plan", report.preregistration, attempt.preregistration)
    deciding = model.deciding
    if deciding and deciding.report and deciding.verdict is Verdict.PASS:
        _same(model, deciding, "candidate", deciding.report.candidate, model.after)


def _same(
    model: ModelFacts, attempt: AttemptFacts, part: str, reported: str | None, stated: str | None
) -> None:
    if reported is not None and stated is not None and reported != stated:
        raise FactsError(
            f"The report of attempt {attempt.number} on {model.name} v{model.version} was written "
            f"about another {part}; no certificate is made from it."
        )


def _limits(facts: CertificateFacts) -> list[str]:
    """Collect the limits that must be printed, each once, in the order they came."""
    reports = [model.deciding.report for model in facts.models if model.deciding]
    limits = [limit for report in reports if report for limit in report.limits]
    return list(dict.fromkeys([*limits, *facts.limits]))


def _exact(value: Any) -> Any:
    """Turn integers that JSON numbers cannot hold exactly into text."""
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_exact(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= EXACT_INTEGERS:
        return str(value)
    return value
