"""What a document may call itself, and what its statement says."""

from __future__ import annotations

import json
from dataclasses import astuple, fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract.canonical import canonical, digest_json
from contract.catalog import Effect
from contract.report import Tier, Verdict
from expunge.certificates.document import read_document
from expunge.certificates.envelope import EnvelopeError, seal, unseal
from expunge.certificates.facts import CertificateFacts, ModelFacts
from expunge.certificates.kinds import WORDING, Kind, kind_of
from expunge.certificates.statement import (
    FactsError,
    Identity,
    build_statement,
    read_predicate,
)
from expunge.common.pki import (
    CODE_SIGNING,
    Credential,
    KeyMissingError,
    credential,
    revocation_list,
)
from tests.expunge.certificates import samples
from tests.expunge.certificates.samples import ASSISTANT, FACTS, SHARDED, UNDONE, digest, report

IDENTITY = Identity(
    "5f0c1a52-0000-4000-8000-000000000001",
    "EC-2026-7K3M-9QPT",
    "Expunge (development)",
    datetime(2026, 11, 20, 15, 5, tzinfo=UTC),
    "log.example/audit",
)


def stated(*models: ModelFacts) -> dict[str, Any]:
    statement = build_statement(replace(FACTS, models=models), IDENTITY)
    said: dict[str, Any] = json.loads(statement)
    assert canonical(said) == statement
    return said


@pytest.mark.parametrize(
    ("models", "kind"),
    [
        ((ASSISTANT, SHARDED), Kind.ERASURE),
        ((SHARDED,), Kind.ERASURE),
        ((samples.BEHAVED,), Kind.BEHAVIOURAL),
        ((SHARDED, samples.BEHAVED), Kind.BEHAVIOURAL),
        ((samples.GUARDED,), Kind.CONTAINMENT),
        ((samples.BEHAVED, samples.GUARDED), Kind.CONTAINMENT),
        ((samples.REFUTED,), Kind.NOT_VERIFIED),
        ((SHARDED, samples.REFUTED), Kind.NOT_VERIFIED),
        ((samples.BROKEN,), Kind.NOT_VERIFIED),
        ((replace(ASSISTANT, attempts=()),), Kind.NOT_VERIFIED),
    ],
)
def test_the_weakest_model_decides_what_a_document_is(
    models: tuple[ModelFacts, ...], kind: Kind
) -> None:
    assert kind_of(models) is kind
    assert stated(*models)["predicate"]["kind"] == kind


@pytest.mark.parametrize("verdict", [item for item in Verdict if item is not Verdict.PASS])
def test_nothing_but_a_pass_earns_a_certificate(verdict: Verdict) -> None:
    attempt = replace(UNDONE, report=report(verdict, Tier.EXACT))
    assert kind_of([replace(ASSISTANT, attempts=(attempt,))]) is Kind.NOT_VERIFIED


def test_a_pass_after_suppression_is_no_erasure() -> None:
    for effect in (Effect.WEIGHT_SUPPRESSION, Effect.SERVE_SUPPRESSION):
        attempt = replace(UNDONE, effect=effect)
        assert kind_of([replace(ASSISTANT, attempts=(attempt,))]) is Kind.CONTAINMENT


def test_a_later_failure_outweighs_an_earlier_pass() -> None:
    attempts = (UNDONE, replace(samples.FAILED, number=3))
    assert kind_of([replace(ASSISTANT, attempts=attempts)]) is Kind.NOT_VERIFIED


def test_no_model_means_no_document() -> None:
    with pytest.raises(ValueError, match="at least one model"):
        build_statement(replace(FACTS, models=()), IDENTITY)


@pytest.mark.parametrize("part", ["original", "candidate", "preregistration"])
def test_a_report_about_something_else_is_refused(part: str) -> None:
    other = replace(report(Verdict.PASS, Tier.ERASURE), **{part: digest("7")})
    model = replace(ASSISTANT, attempts=(replace(UNDONE, report=other),))
    with pytest.raises(FactsError, match="another"):
        build_statement(replace(FACTS, models=(model,)), IDENTITY)


def test_the_statement_names_the_models_by_the_digests_they_have_now() -> None:
    said = stated(ASSISTANT, samples.REFUTED)
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["subject"] == [
        {"name": "ward assistant v2", "digest": {"sha256": "b" * 64}},
        {"name": "ward assistant v1", "digest": {"sha256": "a" * 64}},
    ]


def test_the_predicate_has_the_fields_an_auditor_asks_for() -> None:
    predicate = stated(ASSISTANT)["predicate"]
    assert set(predicate) == {
        *("id", "number", "version", "supersedes", "issuer", "issued_at", "kind", "language"),
        *("log", "status_url", "ticket", "controller", "regime", "ground", "citation"),
        *("requested_on", "completed_at", "scope", "models", "people", "category", "software"),
        *("exemptions", "recipients", "residuals", "backups_expire_on"),
    }
    model = predicate["models"][0]
    assert set(model) == {
        *("name", "version", "before", "after", "after_version", "kind", "attempts"),
        *("disposition", "trained_on", "made_from", "copies", "verification", "validation"),
    }
    assert model["verification"]["profile"] == "erasure"
    assert model["validation"] == {"effective": True, "verdict": "pass", "tier": "erasure"}
    attempts = predicate["models"][0]["attempts"]
    assert [item["report"]["verdict"] for item in attempts] == ["fail", "pass"]
    assert attempts[0]["result"]["seed"] == 7
    for item in attempts:
        assert item["evidence"]["report"] == digest_json(item["report"])
        assert item["evidence"]["result"] == digest_json(item["result"])
    assert predicate["people"][0] == {"role": "reviewer", "on": "2026-11-03"}
    assert predicate["residuals"] == ["influence", "old_weights", "copies_elsewhere"]


def test_that_no_influence_is_disproved_cannot_be_left_out() -> None:
    said = json.loads(build_statement(replace(FACTS, residuals=()), IDENTITY))
    assert said["predicate"]["residuals"] == ["influence"]


def test_a_statement_is_the_same_whatever_language_it_is_printed_in() -> None:
    english, german = (
        json.loads(build_statement(replace(FACTS, language=language), IDENTITY))["predicate"]
        for language in ("en", "de")
    )
    assert (english.pop("language"), german.pop("language")) == ("en", "de")
    assert english == german


def test_the_statement_reads_back_as_the_document_it_was() -> None:
    facts = replace(FACTS, models=(ASSISTANT, SHARDED))
    document = read_document(read_predicate(build_statement(facts, IDENTITY)))
    for field in fields(CertificateFacts):
        if field.name not in {"models", "residuals"}:
            assert getattr(document.said, field.name) == getattr(facts, field.name)
    assert document.said.is_certificate
    assert [model.outcome for model in document.models] == ["Erased", "Erased"]


def test_a_seed_too_large_for_a_json_number_stays_exact() -> None:
    result = replace(samples.FAILED, result=replace(samples.FAILED.result, seed=2**61 + 1))  # type: ignore[type-var]
    said = stated(replace(samples.REFUTED, attempts=(result,)))
    assert said["predicate"]["models"][0]["attempts"][0]["result"]["seed"] == str(2**61 + 1)


def test_no_wording_claims_more_than_can_be_shown() -> None:
    for wording in WORDING.values():
        words = " ".join(astuple(wording)).casefold()
        assert "compliant" not in words and "anonym" not in words and "guarantee" not in words
    assert len({wording.title for wording in WORDING.values()}) == len(Kind)


@pytest.fixture
def signer(tmp_path: Any) -> Credential:
    return credential(
        tmp_path,
        "statement",
        title="Statements",
        usage=CODE_SIGNING,
        make=Ed25519PrivateKey.generate,
        generate=True,
    )


def test_an_envelope_opens_to_what_was_sealed(signer: Credential) -> None:
    assert isinstance(signer.key, Ed25519PrivateKey)
    envelope = unseal(seal(b"{}", signer.key, signer.certificate))
    assert envelope.payload == b"{}"
    assert envelope.certificate == signer.certificate


@pytest.mark.parametrize("part", ["payload", "payloadType", "sig", "cert", "signatures"])
def test_an_altered_envelope_does_not_open(signer: Credential, part: str) -> None:
    assert isinstance(signer.key, Ed25519PrivateKey)
    said = json.loads(seal(b"{}", signer.key, signer.certificate))
    if part == "payload":
        said[part] = "e30K"
    elif part == "payloadType":
        said[part] = "text/plain"
    elif part == "signatures":
        said[part] = []
    else:
        said["signatures"][0][part] = said["signatures"][0][part][4:]
    with pytest.raises(EnvelopeError):
        unseal(json.dumps(said).encode())


def test_another_key_than_the_certificates_does_not_open(signer: Credential) -> None:
    with pytest.raises(EnvelopeError, match="signature"):
        unseal(seal(b"{}", Ed25519PrivateKey.generate(), signer.certificate))


def test_keys_are_files_that_only_their_owner_reads(signer: Credential, tmp_path: Any) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("*.key.pem")}
    assert modes == {"statement.key.pem": 0o600, "authority.key.pem": 0o600}
    assert isinstance(signer.certificate, x509.Certificate)


def test_where_keys_are_not_generated_a_missing_one_is_named(tmp_path: Any) -> None:
    with pytest.raises(KeyMissingError, match=r"statement\.crt\.pem"):
        credential(
            tmp_path,
            "statement",
            title="Statements",
            usage=CODE_SIGNING,
            make=Ed25519PrivateKey.generate,
            generate=False,
        )
    assert list(tmp_path.iterdir()) == []
    assert revocation_list(tmp_path) is None
