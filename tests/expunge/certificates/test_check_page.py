"""Anybody checks a certificate on the site: by the auditor's program, bounded, nothing kept."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

import pytest
from django.core.cache import cache
from django.test import Client

from expunge.accounts.permissions import Actor
from expunge.audit.services import checkpoint_sign
from expunge.certificates.models import Certificate
from expunge.certificates.publication import status_publish
from expunge.certificates.selectors import certificate_pdf, certificate_sidecar
from expunge.certificates.services import certificate_issue
from expunge.web.public import checking, verify
from tests.expunge.certificates.conftest import Issued
from tests.expunge.certificates.samples import FACTS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    cache.clear()


def sent(client: Client, language: str = "en", **files: bytes) -> str:
    named = {name: io.BytesIO(data) for name, data in files.items()}
    for name, file in named.items():
        file.name = f"{name}.bin"
    answer = client.post("/verify/", named, headers={"Accept-Language": language})
    assert answer["Cache-Control"] and "no-store" in answer["Cache-Control"]
    return str(answer.content.decode())


@pytest.fixture
def published() -> None:
    checkpoint_sign()
    status_publish()


@pytest.fixture
def certificate() -> Certificate:
    made = certificate_issue(
        facts=FACTS, ticket_id=UUID(int=1), controller_id=UUID(int=7), actor=Actor(system="w")
    )
    status_publish()
    return made


def test_a_certificate_of_this_platform_is_valid(certificate: Certificate, client: Client) -> None:
    files = {"certificate": certificate_pdf(certificate)}
    said = sent(client, **files, sidecar=certificate_sidecar(certificate))
    assert "Valid" in said and certificate.number in said
    assert "This platform was asked about itself" in said
    german = sent(client, "de", **files)
    assert "Die Datei ist so, wie" in german and "Löschzertifikat" in german
    assert 'lang="en"' not in german.partition("<dl")[2].partition("</dl>")[0]
    changed = bytearray(files["certificate"])
    changed[9999] ^= 1
    assert "Not valid." in sent(client, certificate=bytes(changed))


def test_an_auditors_own_keys_count_more_than_ours(
    published: None, issued: Issued, client: Client
) -> None:
    said = sent(
        client,
        certificate=issued.pdf,
        roots=issued.roots,
        log_key=f"{issued.key}\n".encode(),
    )
    assert "Valid" in said and "asked about itself" not in said
    nonsense = sent(client, certificate=issued.pdf, roots=b"no certificate")
    assert "could not be looked at" in nonsense


def test_nobody_may_ask_without_end(
    published: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "check", lambda *_given: checking.Checked(1, {"findings": []}))
    for _ in range(20):
        assert "Too many" not in sent(client, certificate=b"%PDF")
    assert "Too many" in sent(client, certificate=b"%PDF")


def test_what_is_too_large_or_missing_is_refused(client: Client, published: None) -> None:
    assert "larger than any certificate" in sent(client, certificate=b"0" * (verify.LARGEST + 1))
    assert "required" in sent(client)


def test_a_file_that_takes_too_much_is_given_up(
    published: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "SECONDS", 0.01)
    assert "could not be looked at" in sent(client, certificate=b"%PDF")


def test_the_form_speaks_german(client: Client) -> None:
    page: Any = client.get("/verify/", headers={"Accept-Language": "de"})
    assert 'lang="de"' in page.content.decode()
