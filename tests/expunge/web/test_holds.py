"""The page of legal holds, and the exemptions on a ticket's page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from expunge.common.clock import now
from expunge.registry.models import ModelVersion, ScopeNode
from expunge.tickets.exemptions import exemptions_of, nodes_to_erase
from expunge.tickets.holds import holds_visible
from expunge.tickets.models import Exemption, LegalHold, Ticket
from expunge.tickets.retention import retention_sweep
from expunge.tickets.services import ticket_withdraw
from expunge.tickets.states import TicketState
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People
from tests.expunge.web.conftest import SignedIn

WHY = {"reason": "litigation", "authority": "Court of Riverland, 4 O 12/26"}
OVER = {"reason": "matter_closed", "text": "Judgment"}


def state(ticket: Ticket) -> str:
    ticket.refresh_from_db()
    return ticket.state


def place(client: Client, kind: str, **body: str) -> int:
    return client.post(f"/holds/new/{kind}/", {**WHY, **body}).status_code


@pytest.mark.parametrize("kind", ["subject", "dataset", "model", "ticket"])
def test_a_hold_over_anything_is_placed_seen_and_released(  # noqa: PLR0913, PLR0917 - fixtures
    signed_in: SignedIn,
    cast: People,
    file_ticket: FileTicket,
    erika: ScopeNode,
    original: ModelVersion,
    kind: str,
) -> None:
    ticket, alice = file_ticket(), signed_in(cast.alice)
    body = {
        "subject": {"dataset": str(erika.dataset_id), "label": "erika  mustermann"},
        "dataset": {"dataset": str(erika.dataset_id)},
        "model": {"model": str(original.model_id)},
        "ticket": {"reference": ticket.reference.lower()},
    }[kind]
    assert place(alice, kind, **body) == 302
    stops = kind != "model"
    assert state(ticket) == (TicketState.ON_HOLD if stops else TicketState.UNDER_REVIEW)
    (hold,) = holds_visible(cast.alice)
    page = alice.get("/holds/").content.decode()
    assert "Pending litigation" in page and "4 O 12/26" in page
    on_ticket = alice.get(f"/tickets/{ticket.pk}/").content.decode()
    assert ("Held by" in on_ticket) is stops
    assert alice.post(f"/holds/{hold.pk}/release/", {"reason": "", "text": ""}).status_code == 422
    assert alice.post(f"/holds/{hold.pk}/release/", OVER).status_code == 302
    assert state(ticket) == TicketState.UNDER_REVIEW
    assert "No legal hold is in force." in alice.get("/holds/").content.decode()
    assert "The matter is closed" in alice.get("/holds/?all=1").content.decode()


def test_what_is_to_be_held_must_be_there(
    signed_in: SignedIn, cast: People, erika: ScopeNode, file_ticket: FileTicket
) -> None:
    alice = signed_in(cast.alice)
    dataset = str(erika.dataset_id)
    assert place(alice, "subject", dataset=dataset, label="Nobody") == 422
    assert place(alice, "ticket", reference="EX-22222-22222") == 422
    assert place(alice, "dataset") == 422
    assert place(alice, "dataset", dataset=dataset, authority="") == 422
    # Every patient has a part of this name.
    answer = alice.post("/holds/new/subject/", {**WHY, "dataset": dataset, "label": "study 0"})
    assert answer.status_code == 422 and b"Several have this name" in answer.content
    study = ScopeNode.objects.filter(parent=erika).order_by("path")[0]
    assert place(alice, "subject", dataset=dataset, label="study 0", node=str(study.pk)) == 302
    assert LegalHold.objects.get().node == study


def test_only_who_reviews_places_and_releases(
    signed_in: SignedIn, cast: People, erika: ScopeNode, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()
    for actor in (cast.bob, cast.carol, cast.dora, cast.ada, cast.mallory):
        assert place(signed_in(actor), "dataset", dataset=str(erika.dataset_id)) == 422
    assert not LegalHold.objects.exists()
    assert place(signed_in(cast.alice), "dataset", dataset=str(erika.dataset_id)) == 302
    hold = LegalHold.objects.get()
    for actor, status in ((cast.bob, 403), (cast.carol, 403), (cast.mallory, 404)):
        answer = signed_in(actor).post(f"/holds/{hold.pk}/release/", OVER)
        assert answer.status_code == status
    assert "4 O 12/26" not in signed_in(cast.carol).get("/holds/").content.decode()
    assert "Pending litigation" not in signed_in(cast.mallory).get("/holds/").content.decode()
    assert state(ticket) == TicketState.ON_HOLD


def test_a_part_is_exempted_confirmed_and_released_on_the_tickets_page(
    signed_in: SignedIn, cast: People, file_ticket: FileTicket, erika: ScopeNode
) -> None:
    ticket, alice = file_ticket(), signed_in(cast.alice)
    page = alice.get(f"/tickets/{ticket.pk}/").content.decode()
    assert "Exempt a part" in page and "GDPR Art. 17(3)(e)" in page
    study = ScopeNode.objects.filter(parent=erika).order_by("path")[0]
    later = (now() + timedelta(days=90)).date().isoformat()
    body = {"part": f"node:{study.pk}", "code": "legal_claims", "text": "A suit"}
    address = f"/tickets/{ticket.pk}/exempt/"
    assert alice.post(address, {**body, "review_on": "2001-01-01"}).status_code == 422
    assert alice.post(address, {**body, "review_on": later, "code": "whim"}).status_code == 422
    assert alice.post(address, {**body, "review_on": later}).status_code == 302
    (exemption,) = exemptions_of(ticket)
    assert study not in nodes_to_erase(ticket)
    seen = signed_in(cast.bob).get(f"/tickets/{ticket.pk}/").content.decode()
    assert "A suit" in seen and "Exempt a part" not in seen
    again = f"/exemptions/{exemption.pk}/review/"
    assert alice.post(again, {"review_on": "2001-01-01"}).status_code == 422
    assert alice.post(again, {"review_on": later}).status_code == 302
    assert alice.post(f"/exemptions/{exemption.pk}/release/").status_code == 302
    assert exemptions_of(ticket) == ()


def test_strangers_and_others_exempt_nothing(
    signed_in: SignedIn, cast: People, file_ticket: FileTicket, erika: ScopeNode
) -> None:
    ticket = file_ticket()
    later = (now() + timedelta(days=90)).date().isoformat()
    body = {
        "part": f"dataset:{erika.dataset_id}",
        "code": "legal_claims",
        "text": "A suit",
        "review_on": later,
    }
    address = f"/tickets/{ticket.pk}/exempt/"
    for actor, status in ((cast.bob, 403), (cast.carol, 403), (cast.dora, 403)):
        assert signed_in(actor).post(address, body).status_code == status
    assert signed_in(cast.mallory).post(address, body).status_code == 404
    assert not Exemption.objects.exists()


def test_an_exemption_that_nobody_looked_at_again_stands_on_the_page_of_holds(
    signed_in: SignedIn, cast: People, file_ticket: FileTicket, erika: ScopeNode
) -> None:
    ticket, alice = file_ticket(), signed_in(cast.alice)
    later = (now() + timedelta(days=90)).date().isoformat()
    alice.post(
        f"/tickets/{ticket.pk}/exempt/",
        {
            "part": f"dataset:{erika.dataset_id}",
            "code": "research",
            "text": "A register",
            "review_on": later,
        },
    )
    assert "Exemptions to look at again" not in alice.get("/holds/").content.decode()
    Exemption.objects.update(review_on=(now() - timedelta(days=2)).date())
    page = alice.get("/holds/").content.decode()
    assert "Exemptions to look at again" in page and ticket.reference in page


def test_the_page_of_a_ticket_whose_retention_is_over_still_opens(
    signed_in: SignedIn, cast: People, file_ticket: FileTicket
) -> None:
    ticket = ticket_withdraw(actor=cast.carol, ticket_id=file_ticket().pk, reason="by_person")
    Ticket.objects.filter(pk=ticket.pk).update(ended_at=now() - timedelta(days=4000))
    assert retention_sweep() == 1
    page = signed_in(cast.alice).get(f"/tickets/{ticket.pk}/")
    assert page.status_code == 200 and b"Mustermann" not in page.content
