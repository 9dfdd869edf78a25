"""A revoked document is revoked once, by those who may, and everyone who looks learns of it."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import IntegrityError

from expunge.accounts.permissions import Actor
from expunge.audit.keys import log_key, trust_roots
from expunge.certificates import publication
from expunge.certificates.envelope import STATUS_TYPE, EnvelopeError, unseal
from expunge.certificates.models import Certificate
from expunge.certificates.offline import Trust, main, verify
from expunge.certificates.offline.trust import read_roots
from expunge.certificates.publication import status_list
from expunge.certificates.selectors import certificate_standing
from expunge.certificates.services import certificate_issue, certificate_revoke
from expunge.certificates.storage import pdf_read
from expunge.common.clock import now
from expunge.common.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
)
from tests.expunge.certificates.samples import FACTS
from tests.expunge.factories import People, all_leaves, leaves

pytestmark = pytest.mark.django_db(transaction=True)


def issue(cast: People, worker: Actor, ticket: Any = None) -> Certificate:
    return certificate_issue(
        facts=FACTS,
        ticket_id=ticket or uuid4(),
        controller_id=cast.controller.pk,
        actor=worker,
    )


def trust() -> Trust:
    return Trust(read_roots(trust_roots()), (log_key(),))


def test_a_revocation_is_in_the_log_and_its_text_is_not(
    cast: People, worker: Actor, fast: None
) -> None:
    certificate = issue(cast, worker)
    certificate_revoke(
        actor=cast.alice,
        certificate_id=certificate.pk,
        reason="issued_in_error",
        text="The wrong Erika was erased.",
    )
    certificate.refresh_from_db()
    (leaf,) = leaves("certificate.revoked")
    assert leaf["data"] == {
        "number": certificate.number,
        "statement": certificate.statement_digest,
        "reason": "issued_in_error",
    }
    assert certificate.revoked_seq is not None and certificate.is_revoked
    assert certificate.revoked_because == "it was issued in error"
    assert b"wrong Erika" not in all_leaves()
    assert certificate_standing(certificate.ticket_id) is None


@pytest.mark.parametrize("name", ["bob", "carol", "dora"])
def test_only_the_data_protection_officer_may_revoke(
    cast: People, worker: Actor, fast: None, name: str
) -> None:
    certificate = issue(cast, worker)
    with pytest.raises(NotAllowedError):
        certificate_revoke(
            actor=getattr(cast, name),
            certificate_id=certificate.pk,
            reason="issued_in_error",
            text="No.",
        )


@pytest.mark.parametrize("name", ["mallory", "ada"])
def test_who_may_not_see_it_does_not_learn_of_it(
    cast: People, worker: Actor, fast: None, name: str
) -> None:
    certificate = issue(cast, worker)
    with pytest.raises(NotFoundError):
        certificate_revoke(
            actor=getattr(cast, name),
            certificate_id=certificate.pk,
            reason="issued_in_error",
            text="No.",
        )


def test_people_cannot_claim_what_only_the_platform_finds_out(
    cast: People, worker: Actor, fast: None
) -> None:
    certificate = issue(cast, worker)
    for reason in ("regression", "brought_back", "whim"):
        with pytest.raises(InvalidInputError, match="issued_in_error, superseded"):
            certificate_revoke(
                actor=cast.alice, certificate_id=certificate.pk, reason=reason, text="So."
            )
    with pytest.raises(InvalidInputError, match="Say why"):
        certificate_revoke(
            actor=cast.alice, certificate_id=certificate.pk, reason="superseded", text=" "
        )


def test_nothing_is_revoked_twice(cast: People, worker: Actor, fast: None) -> None:
    certificate = issue(cast, worker)
    certificate_revoke(actor=worker, certificate_id=certificate.pk, reason="regression")
    with pytest.raises(ConflictError):
        certificate_revoke(actor=worker, certificate_id=certificate.pk, reason="regression")
    assert len(leaves("certificate.revoked")) == 1


def test_after_a_revocation_the_next_document_names_the_one_it_supersedes(
    cast: People, worker: Actor, fast: None
) -> None:
    first = issue(cast, worker)
    assert issue(cast, worker, first.ticket_id) == first
    certificate_revoke(actor=worker, certificate_id=first.pk, reason="regression")
    second = issue(cast, worker, first.ticket_id)
    assert (second.version, second.supersedes) == (2, first)
    assert json.loads(bytes(second.statement))["predicate"]["supersedes"] == first.number
    assert certificate_standing(first.ticket_id) == second
    assert issue(cast, worker, first.ticket_id) == second


def test_the_database_refuses_a_revocation_without_reason_or_entry(
    cast: People, worker: Actor, fast: None
) -> None:
    certificate = issue(cast, worker)
    with pytest.raises(IntegrityError):
        Certificate.objects.filter(pk=certificate.pk).update(revoked_reason="regression")


def test_the_status_list_names_numbers_and_nothing_else(
    cast: People, worker: Actor, fast: None
) -> None:
    kept, gone = issue(cast, worker), issue(cast, worker)
    certificate_revoke(actor=worker, certificate_id=gone.pk, reason="brought_back")
    data = status_list()
    payload = unseal(data, STATUS_TYPE).payload
    (line,) = json.loads(payload)["revoked"]
    assert set(line) == {*("number", "statement", "reason", "revoked_at", "seq"), "superseded_by"}
    assert (line["number"], line["reason"]) == (gone.number, "brought_back")
    for absent in (kept.number, str(gone.ticket_id), str(cast.controller.pk)):
        assert absent.encode() not in payload
    with pytest.raises(EnvelopeError):
        unseal(data)


def test_the_verifier_reports_a_revocation_from_list_and_log(
    cast: People, worker: Actor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate = issue(cast, worker)
    pdf = pdf_read(certificate.pdf_name)
    before = status_list()
    outcome = verify(pdf, trust(), status=before)
    assert outcome.valid and outcome.findings[-1].holds
    certificate_revoke(actor=worker, certificate_id=certificate.pk, reason="regression")
    after = status_list()
    (tmp_path / "certificate.pdf").write_bytes(pdf)
    call_command("status_export", str(tmp_path / "status.json"), stdout=StringIO())
    call_command("audit_export", str(tmp_path / "log.jsonl"), stdout=StringIO())
    call_command("trust_export", str(tmp_path), stdout=StringIO())
    listed = verify(pdf, trust(), status=after)
    logged = verify(pdf, trust(), export=tmp_path / "log.jsonl")
    for outcome in (listed, logged):
        assert not outcome.valid and outcome.revoked is not None
        assert outcome.revoked.reason == "regression"
    given = [str(tmp_path / "certificate.pdf"), "--trust", str(tmp_path / "roots.pem")]
    given += ["--log-key", str(tmp_path / "log.key")]
    assert main(given) == 0
    capsys.readouterr()
    assert main([*given, "--status", str(tmp_path / "status.json")]) == 3
    said = capsys.readouterr().out
    assert "REVOKED on 20" in said and "failed a check that was passed before" in said
    assert main([*given, "--log", str(tmp_path / "log.jsonl"), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["revoked"]["reason"] == "regression"


def test_a_status_list_that_is_forged_or_too_old_is_refused(
    cast: People, worker: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(publication, "now", lambda: now() - timedelta(minutes=1))
        old = status_list()
    certificate = issue(cast, worker)
    pdf = pdf_read(certificate.pdf_name)
    outcome = verify(pdf, trust(), status=old)
    assert not outcome.valid and "older than the certificate" in outcome.findings[-1].sentence
    forged = json.loads(status_list())
    forged["payload"] = forged["payload"][:-8] + "AAAAAAA="
    outcome = verify(pdf, trust(), status=json.dumps(forged).encode())
    assert not outcome.valid and outcome.findings[-1].holds is False
    monkeypatch.setattr("expunge.certificates.publication.log_origin", lambda: "elsewhere/audit")
    outcome = verify(pdf, trust(), status=status_list())
    assert "another platform" in outcome.findings[-1].sentence
