"""Revoking on a page, the public list, and what a ticket says of later checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from expunge.accounts.permissions import Actor
from expunge.certificates import services
from expunge.certificates.envelope import STATUS_TYPE, unseal
from expunge.certificates.models import Certificate, Supersession
from expunge.certificates.services import certificate_issue
from expunge.certificates.tasks import status_renew
from expunge.common.clock import now
from expunge.jobs.models import Attempt, Reverification
from expunge.jobs.tasks import certificate_replace
from expunge.registry.models import ModelVersion
from expunge.tickets.models import Ticket
from tests.expunge.certificates.samples import FACTS
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People
from tests.expunge.tour import tour

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ticket(patients: Any, file_ticket: FileTicket) -> Ticket:
    return file_ticket()


@pytest.fixture
def certificate(cast: People, ticket: Ticket, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    monkeypatch.setattr(services, "_signed_pdf", lambda found: b"%PDF " + found.pk.bytes)
    return certificate_issue(
        facts=FACTS,
        ticket_id=ticket.pk,
        controller_id=cast.controller.pk,
        actor=Actor(system="worker"),
    )


def signed_in(actor: Actor) -> Client:
    client = Client()
    assert actor.user is not None
    client.force_login(actor.user)
    return client


def revoke(client: Client, certificate: Certificate) -> Any:
    given = {"reason": "issued_in_error", "text": "The wrong person."}
    return client.post(f"/certificates/{certificate.pk}/revoke/", given, follow=True)


def test_the_officer_revokes_on_the_page_and_the_page_says_so(
    cast: People, certificate: Certificate
) -> None:
    answer = revoke(signed_in(cast.alice), certificate)
    page = answer.content.decode()
    certificate.refresh_from_db()
    assert certificate.is_revoked
    assert "because it was issued in error" in page and "The wrong person" not in page


@pytest.mark.parametrize(("name", "answer"), [("bob", 403), ("dora", 403), ("mallory", 404)])
def test_nobody_else_revokes(
    cast: People, certificate: Certificate, name: str, answer: int
) -> None:
    assert revoke(signed_in(getattr(cast, name)), certificate).status_code == answer
    certificate.refresh_from_db()
    assert not certificate.is_revoked


def test_only_who_may_revoke_is_offered_it(cast: People, certificate: Certificate) -> None:
    address = f"/tickets/{certificate.ticket_id}/"
    assert "/revoke/" in signed_in(cast.alice).get(address).content.decode()
    assert "/revoke/" not in signed_in(cast.dora).get(address).content.decode()


def supersede(client: Client, certificate: Certificate) -> Any:
    given = {"reason": "language", "language": "de", "text": "The authority reads German."}
    return client.post(f"/certificates/{certificate.pk}/supersede/", given, follow=True)


def test_the_officer_has_a_newer_document_made_and_the_page_names_it(
    cast: People, certificate: Certificate
) -> None:
    alice = signed_in(cast.alice)
    page = supersede(alice, certificate).content.decode()
    assert "is being made" in page and "/supersede/" not in page
    certificate_replace(str(certificate.pk))
    newer = Certificate.objects.get(supersedes=certificate)
    page = alice.get(f"/tickets/{certificate.ticket_id}/").content.decode()
    assert f"{newer.number} takes its place." in page
    assert "because a newer document takes its place" in page


@pytest.mark.parametrize(("name", "answer"), [("bob", 403), ("dora", 403), ("mallory", 404)])
def test_nobody_else_has_one_made(
    cast: People, certificate: Certificate, name: str, answer: int
) -> None:
    assert supersede(signed_in(getattr(cast, name)), certificate).status_code == answer
    assert not Supersession.objects.exists()


def test_everyone_may_fetch_the_schema_of_the_statements() -> None:
    answer = Client().get("/certificates/schema.json")
    assert answer["Content-Type"] == "application/schema+json"
    assert answer.json()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_everyone_may_fetch_the_signed_list(cast: People, certificate: Certificate) -> None:
    assert Client().get("/certificates/status.json").status_code == 404
    revoke(signed_in(cast.alice), certificate)
    status_renew()
    answer = Client().get("/certificates/status.json")
    assert answer.status_code == 200
    payload = unseal(answer.content, STATUS_TYPE).payload
    assert certificate.number.encode() in payload
    assert str(certificate.ticket_id).encode() not in payload


@pytest.mark.parametrize(
    ("state", "words"), [("held_up", "Held up"), ("inconclusive", "Cannot be told")]
)
def test_ticket_and_model_say_what_became_of_a_certificate(
    cast: People, tmp_path: Path, state: str, words: str
) -> None:
    tour(cast, tmp_path, certified=True)
    found = Certificate.objects.get()
    basis = Attempt.objects.filter(job__ticket_id=found.ticket_id).latest("created_at")
    version = ModelVersion.objects.latest("created_at")
    Reverification.objects.create(
        certificate=found,
        ticket_id=found.ticket_id,
        version=version,
        basis=basis,
        state=state,
        ended_at=now(),
        report={"summary": "It was attacked again."},
    )
    client = signed_in(cast.dora)
    for address in (f"/tickets/{found.ticket_id}/", f"/models/{version.model_id}/"):
        page = client.get(address).content.decode()
        assert words in page and "It was attacked again." in page and found.number in page


def test_a_certificate_that_is_not_there_cannot_be_revoked(cast: People) -> None:
    found = Certificate(pk=uuid4())
    assert revoke(signed_in(cast.alice), found).status_code == 404
