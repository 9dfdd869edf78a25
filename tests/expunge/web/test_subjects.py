"""The panels of a ticket's page about its person, and the queue of requests received."""

from __future__ import annotations

from typing import Any

import pytest

from expunge.accounts.models import ControllerPolicy
from expunge.registry.models import ScopeNode
from expunge.subjects.intake import intake_receive
from expunge.subjects.intake_payload import IntakePayload
from expunge.subjects.models import IntakeRequest, StatusLink, TicketDuplicate
from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState
from expunge.web.models import FilingDraft
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People
from tests.expunge.web.conftest import SignedIn


@pytest.fixture
def received(cast: People, settings: Any) -> IntakeRequest:
    settings.EXPUNGE_PUBLIC_INTAKE = True
    ControllerPolicy.objects.create(controller=cast.controller, number=1, public_intake=True)
    intake, _ = intake_receive(
        controller_id=cast.controller.pk,
        regime="gdpr",
        payload=IntakePayload("Erika Mustermann", "erika@home.example", "Please"),
        language="en",
    )
    return intake


def test_a_reviewer_records_how_an_identity_was_shown(
    signed_in: SignedIn, cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket(identity_confirmed=False)
    alice, page = signed_in(cast.alice), f"/tickets/{ticket.pk}/"
    assert "Record evidence" in alice.get(page).content.decode()
    assert alice.post(f"{page}identity/mail/").status_code == 302
    wrong = alice.post(f"{page}identity/evidence/", {"evidence": "account", "level": "low"})
    assert wrong.status_code == 422 and b"Record evidence" in wrong.content
    given = {"evidence": "known_facts", "level": "substantial", "seen": "By telephone"}
    assert alice.post(f"{page}identity/evidence/", given).status_code == 302
    ticket.refresh_from_db()
    assert ticket.state == TicketState.UNDER_REVIEW
    shown = alice.get(page).content.decode()
    assert "Substantial" in shown and "By telephone" in shown
    assert "By telephone" not in signed_in(cast.dora).get(page).content.decode()


@pytest.mark.parametrize(
    ("way", "given"),
    [
        ("mail", {}),
        ("evidence", {"evidence": "account", "level": "low", "seen": "x"}),
        ("attestation", {"level": "low", "reference": "x"}),
        ("code", {"code": "x"}),
    ],
)
def test_others_do_nothing_about_an_identity(
    signed_in: SignedIn, cast: People, file_ticket: FileTicket, way: str, given: dict[str, str]
) -> None:
    ticket = file_ticket(identity_confirmed=False)
    address = f"/tickets/{ticket.pk}/identity/{way}/"
    for actor in (cast.bob, cast.carol, cast.dora):
        assert signed_in(actor).post(address, given).status_code == 403
    for actor in (cast.ada, cast.mallory):
        assert signed_in(actor).post(address, given).status_code == 404


def test_a_reviewer_merges_a_duplicate(
    signed_in: SignedIn, cast: People, file_ticket: FileTicket
) -> None:
    first, again = file_ticket(), file_ticket()
    alice = signed_in(cast.alice)
    page = alice.get(f"/tickets/{again.pk}/").content.decode()
    assert "Possible duplicates" in page and first.reference in page
    assert (
        "Possible duplicates"
        not in signed_in(cast.dora).get(f"/tickets/{again.pk}/").content.decode()
    )
    merge = {"survivor": str(first.pk)}
    assert signed_in(cast.carol).post(f"/tickets/{again.pk}/merge/", merge).status_code == 403
    assert signed_in(cast.mallory).post(f"/tickets/{again.pk}/merge/", merge).status_code == 404
    assert alice.post(f"/tickets/{again.pk}/merge/", merge).status_code == 302
    assert TicketDuplicate.objects.get().survivor == first
    assert first.reference in alice.get(f"/tickets/{again.pk}/").content.decode()


def test_a_link_is_shown_once_and_revoked(
    signed_in: SignedIn, cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()
    before = StatusLink.objects.filter(revoked_at=None).count()
    address, alice = f"/tickets/{ticket.pk}/links/", signed_in(cast.alice)
    assert b"/request/" in alice.post(address).content
    assert signed_in(cast.carol).post(address).status_code == 403
    assert signed_in(cast.mallory).post(f"{address}revoke/").status_code == 404
    assert StatusLink.objects.filter(revoked_at=None).count() == before + 1
    alice.post(f"{address}revoke/")
    assert not StatusLink.objects.filter(revoked_at=None).exists()


def test_an_engineer_makes_a_ticket_of_a_request(
    signed_in: SignedIn, cast: People, received: IntakeRequest, erika: ScopeNode
) -> None:
    carol = signed_in(cast.carol)
    assert received.reference in carol.get("/intake/").content.decode()
    page = carol.get(f"/intake/{received.pk}/").content.decode()
    assert "Erika Mustermann" in page and "File a ticket from it" in page
    assert carol.post(f"/intake/{received.pk}/ticket/").headers["Location"] == "/tickets/new/"
    carol.post("/tickets/new/scope/", {"add": str(erika.pk)})
    carol.post("/tickets/new/law/?regime=gdpr", {"ground": "objection", "profile": "erasure"})
    person = carol.get("/tickets/new/person/").content.decode()
    assert "erika@home.example" in person
    carol.post(
        "/tickets/new/person/",
        {"subject_name": "Erika Mustermann", "contact": "erika@home.example", "note": "Please"},
    )
    carol.post("/tickets/new/summary/")
    ticket = Ticket.objects.get()
    received.refresh_from_db()
    assert received.ticket == ticket and ticket.received_at == received.received_at
    assert not FilingDraft.objects.exists() and ticket.requester == cast.carol.user
    assert b"Destroyed" in carol.get(f"/intake/{received.pk}/").content


def test_a_reviewer_declines_a_request_and_drafts_of_it_go(
    signed_in: SignedIn, cast: People, received: IntakeRequest
) -> None:
    signed_in(cast.carol).post(f"/intake/{received.pk}/ticket/")
    alice = signed_in(cast.alice)
    address = f"/intake/{received.pk}/decline/"
    assert alice.post(address, {"reason": "abuse", "text": ""}).status_code == 422
    assert signed_in(cast.carol).post(address, {"reason": "abuse", "text": "x"}).status_code == 403
    assert alice.post(address, {"reason": "not_ours", "text": "Unknown"}).status_code == 302
    received.refresh_from_db()
    assert received.standing == "declined" and not FilingDraft.objects.exists()
    assert received.reference in alice.get("/intake/?decided=1").content.decode()


@pytest.mark.parametrize("name", ["bob", "dora", "ada", "mallory"])
def test_the_queue_is_for_those_who_file(
    signed_in: SignedIn, cast: People, received: IntakeRequest, name: str
) -> None:
    client = signed_in(getattr(cast, name))
    assert received.reference not in client.get("/intake/").content.decode()
    assert client.get(f"/intake/{received.pk}/").status_code == 404
    assert client.post(f"/intake/{received.pk}/ticket/").status_code == 404
    assert (
        client.post(f"/intake/{received.pk}/decline/", {"reason": "abuse", "text": "x"}).status_code
        == 404
    )
