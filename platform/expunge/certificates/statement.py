"""The machine-readable certificate: an in-toto Statement v1 about the models.

Its canonical JSON (RFC 8785) is what is signed, logged and printed: the PDF is made from the
statement and nothing else. It speaks in codes; only the reports in it keep the verifier's words.
Its types are in :mod:`expunge.certificates.predicate`. Pure: no Django.

Source: in-toto attestation framework, statement v1; fields after NIST SP 800-88r2, which keeps
verification (was it run) and validation (was it effective) apart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from contract.canonical import PREFIX, canonical, digest_bytes, digest_json
from contract.report import REPORT, Verdict
from contract.result import Result
from expunge.certificates.facts import AttemptFacts, CertificateFacts, ModelFacts, Residual
from expunge.certificates.kinds import kind_of, model_kind
from expunge.certificates.predicate import (
    PREDICATE,
    Evidence,
    Predicate,
    StatedAttempt,
    StatedModel,
    Validation,
    Verification,
)

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:expunge:certificate:v1"
EXACT_INTEGERS = 2**53
_RESULT: TypeAdapter[Result] = TypeAdapter(Result)


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
    status_url: str = ""


def build_statement(facts: CertificateFacts, identity: Identity) -> bytes:
    """Return the canonical bytes of the statement.

    Raises:
        FactsError: A report speaks of other models or another plan than the facts do.
        ValueError: There is no model.
    """
    predicate = Predicate(
        id=identity.id,
        number=identity.number,
        version=identity.version,
        supersedes=identity.supersedes,
        issuer=identity.issuer,
        issued_at=identity.issued_at.replace(microsecond=0),
        kind=kind_of(facts.models),
        log=identity.log,
        status_url=identity.status_url,
        **{
            **_parts(facts),
            "models": tuple(_stated_model(model) for model in facts.models),
            # No test proves that no influence is left; no caller can leave that out.
            "residuals": tuple(dict.fromkeys((Residual.INFLUENCE, *facts.residuals))),
        },
    )
    return canonical(
        _exact(
            {
                "_type": STATEMENT_TYPE,
                "subject": [_subject(model) for model in facts.models],
                "predicateType": PREDICATE_TYPE,
                "predicate": PREDICATE.dump_python(predicate, mode="json"),
            }
        )
    )


def read_predicate(statement: bytes) -> Predicate:
    """Return what a statement says; raises ``ValueError`` when it is not one of ours."""
    said = json.loads(statement)
    if (said.get("_type"), said.get("predicateType")) != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise ValueError("the statement is not a certificate's")
    return PREDICATE.validate_python(said["predicate"])


def statement_digest(statement: bytes) -> str:
    """Return the digest by which the log knows a statement."""
    return digest_bytes(statement)


def _parts(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _stated_model(model: ModelFacts) -> StatedModel:
    _check(model)
    attempt = model.deciding
    report = attempt.report if attempt else None
    return StatedModel(
        **{**_parts(model), "attempts": tuple(_stated_attempt(item) for item in model.attempts)},
        kind=model_kind(model),
        verification=Verification(
            performed=True,
            profile=report.profile,
            profile_version=report.profile_version,
            preregistration=report.preregistration,
            level=report.alpha,
        )
        if report and not report.failure
        else Verification(performed=False),
        validation=Validation(
            effective=report.verdict is Verdict.PASS, verdict=report.verdict, tier=report.tier
        )
        if report
        else Validation(effective=False),
    )


def _stated_attempt(attempt: AttemptFacts) -> StatedAttempt:
    result, report = attempt.result, attempt.report
    return StatedAttempt(
        **_parts(attempt),
        evidence=Evidence(
            result=digest_json(_exact(_RESULT.dump_python(result, mode="json")))
            if result
            else None,
            report=digest_json(_exact(REPORT.dump_python(report, mode="json"))) if report else None,
        ),
    )


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


def _exact(value: Any) -> Any:
    """Turn integers that JSON numbers cannot hold exactly into text."""
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_exact(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= EXACT_INTEGERS:
        return str(value)
    return value
