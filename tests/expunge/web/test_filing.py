"""Filing a ticket: choose the data, name the ground, and nothing personal stays behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from expunge.accounts.models import Membership, Role
from expunge.accounts.permissions import Actor
from expunge.accounts.policies import policy_change
from expunge.common.clock import now
from expunge.common.errors import ConflictError
from expunge.registry.models import DatasetVersion, ModelVersion, ScopeNode
from expunge.tickets.models import Ticket
from expunge.tickets.selectors import ticket_nodes, ticket_payload
from expunge.tickets.states import TicketState
from expunge.web.draft import draft_file, drafts_forget
from expunge.web.models import FilingDraft
from tests.expunge.factories import People
from tests.expunge.web.conftest import SignedIn

LAW = {"ground": "objection", "profile": "erasure"}
PERSON = {"subject_name": "Erika Mustermann", "contact": "erika@home.example", "note": "Please."}


def choose(client: Client, *nodes: ScopeNode) -> Client:
    for node in nodes:
        client.post("/tickets/new/scope/", {"add": node.pk})
    return client


def fill(client: Client, node: ScopeNode) -> Client:
    choose(client, node)
    client.post("/tickets/new/law/?regime=gdpr", LAW)
    client.post("/tickets/new/person/", PERSON)
    return client


def test_a_ticket_is_filed_step_by_step(
    signed_in: SignedIn, cast: People, original: ModelVersion, erika: ScopeNode
) -> None:
    carol = choose(signed_in(cast.carol), erika)
    assert b"Erika Mustermann" in carol.get("/tickets/new/law/").content
    answer = carol.post("/tickets/new/law/?regime=gdpr", LAW)
    assert answer.headers["Location"] == "/tickets/new/person/"
    answer = carol.post("/tickets/new/person/", PERSON)
    assert answer.headers["Location"] == "/tickets/new/summary/"
    page = carol.get("/tickets/new/summary/").content.decode()
    assert "Objection to the processing" in page and "erika@home.example" in page
    assert "assistant v1" in page and not Ticket.objects.exists()
    answer = carol.post("/tickets/new/summary/")
    ticket = Ticket.objects.get()
    assert answer.headers["Location"] == f"/tickets/{ticket.pk}/"
    assert ticket.state == TicketState.IDENTITY_PENDING
    assert ticket_nodes(ticket) == (erika,)
    payload = ticket_payload(cast.alice, ticket)
    assert payload is not None and payload.contact == "erika@home.example"


def test_a_draft_is_filed_once_and_destroyed(
    signed_in: SignedIn, cast: People, erika: ScopeNode
) -> None:
    carol = fill(signed_in(cast.carol), erika)
    with pytest.raises(ConflictError):
        draft_file(cast.alice)
    draft_file(cast.carol)
    with pytest.raises(ConflictError):
        draft_file(cast.carol)
    assert Ticket.objects.count() == 1 and not FilingDraft.objects.exists()
    assert carol.get("/tickets/new/summary/").status_code == 302


def test_a_draft_survives_signing_out_and_belongs_to_one_person(
    signed_in: SignedIn, cast: People, erika: ScopeNode
) -> None:
    carol = fill(signed_in(cast.carol), erika)
    carol.post("/sign-out/")
    assert b"erika@home.example" in signed_in(cast.carol).get("/tickets/new/summary/").content
    for other in (cast.alice, cast.mallory):
        assert signed_in(other).get("/tickets/new/summary/").status_code == 302
        signed_in(other).post("/tickets/new/discard/")
    assert FilingDraft.objects.count() == 1


@pytest.mark.parametrize("who", ["bob", "dora", "ada"])
def test_who_may_not_file_is_told_so_at_once(signed_in: SignedIn, cast: People, who: str) -> None:
    client = signed_in(getattr(cast, who))
    for step in ("", "law/", "person/", "summary/"):
        answer = client.get(f"/tickets/new/{step}")
        assert answer.status_code == 403 and b"None of your roles files" in answer.content
    assert client.post("/tickets/new/scope/", {"add": cast.controller.pk}).status_code == 403
    assert not FilingDraft.objects.exists()


def test_the_policy_says_what_must_be_shown_until_somebody_chooses(
    signed_in: SignedIn, cast: People, original: ModelVersion, erika: ScopeNode
) -> None:
    policy_change(actor=cast.ada, controller_id=cast.controller.pk, profile="exact")
    carol = choose(signed_in(cast.carol), erika)
    assert b'value="exact" selected' in carol.get("/tickets/new/law/").content
    carol.post("/tickets/new/law/?regime=gdpr", LAW)
    assert b'value="erasure" selected' in carol.get("/tickets/new/law/").content


def test_a_draft_is_unreadable_at_rest(signed_in: SignedIn, cast: People, erika: ScopeNode) -> None:
    carol = fill(signed_in(cast.carol), erika)
    with connection.cursor() as cursor:
        cursor.execute("SELECT content FROM web_filingdraft")
        (stored,) = cursor.fetchone()
    assert b"Erika" not in bytes(stored) and str(erika.pk).encode() not in bytes(stored)
    assert "Erika" not in str(dict(carol.session))


def test_a_refusal_keeps_the_draft(signed_in: SignedIn, cast: People, erika: ScopeNode) -> None:
    carol = fill(signed_in(cast.carol), erika)
    Membership.objects.filter(user=cast.carol.user).update(role=Role.AUDITOR)
    assert carol.post("/tickets/new/summary/").status_code == 403
    assert FilingDraft.objects.exists() and not Ticket.objects.exists()


def test_old_drafts_are_forgotten_and_unwanted_ones_destroyed(
    signed_in: SignedIn, cast: People, erika: ScopeNode
) -> None:
    carol, alice = fill(signed_in(cast.carol), erika), fill(signed_in(cast.alice), erika)
    FilingDraft.objects.filter(user=cast.alice.user).update(touched_at=now() - timedelta(days=31))
    assert drafts_forget() == 1
    assert alice.get("/tickets/new/summary/").status_code == 302
    assert b"Destroy the draft" in carol.get("/tickets/new/").content
    carol.post("/tickets/new/discard/")
    assert not FilingDraft.objects.exists()


def test_what_is_touched_is_counted_while_choosing(
    signed_in: SignedIn, cast: People, original: ModelVersion, erika: ScopeNode
) -> None:
    answer = signed_in(cast.carol).post(
        "/tickets/new/scope/", {"add": erika.pk}, headers={"HX-Request": "true"}
    )
    page = answer.content.decode()
    assert "Erika Mustermann" in page and "4 records" in page and "assistant v1" in page
    assert "<html" not in page


def test_a_node_swallows_what_stands_below_it(
    signed_in: SignedIn, cast: People, erika: ScopeNode
) -> None:
    study = erika.children.first()
    assert study is not None and erika.parent is not None
    carol = choose(signed_in(cast.carol), study, erika)
    page = carol.get("/tickets/new/").content.decode()
    assert page.count('name="remove"') == 1
    choose(carol, erika.parent)
    page = " ".join(carol.get("/tickets/new/").content.decode().split())
    assert f'name="remove" value="{erika.parent.pk}"' in page
    carol.post("/tickets/new/scope/", {"remove": erika.parent.pk})
    assert 'name="remove"' not in carol.get("/tickets/new/").content.decode()


def test_a_node_of_another_organisation_is_not_taken(
    signed_in: SignedIn, cast: People, erika: ScopeNode
) -> None:
    mallory = choose(signed_in(cast.mallory), erika)
    assert "Erika" not in mallory.get("/tickets/new/").content.decode()
    assert mallory.get("/tickets/new/law/").status_code == 302


def test_who_may_not_file_is_told_so(signed_in: SignedIn, cast: People, erika: ScopeNode) -> None:
    bob = choose(signed_in(cast.bob), erika)
    assert bob.post("/tickets/new/law/", LAW).status_code == 403
    assert not Ticket.objects.exists()


def test_a_name_is_found_exactly_and_never_through_an_address(
    signed_in: SignedIn, cast: People, patients: DatasetVersion
) -> None:
    carol = signed_in(cast.carol)
    for start in ("/tickets/new/search", "/datasets"):
        address = f"{start}/{patients.dataset_id}/"
        address += "" if "new" in start else "search/"
        assert b"4 records" in carol.post(address, {"label": " erika  MUSTERMANN "}).content
        assert b"Nothing has exactly this label" in carol.post(address, {"label": "Erika"}).content
        assert carol.get(address, {"label": "Erika Mustermann"}).status_code == 405


def test_what_is_wrong_is_said_beside_the_field(
    signed_in: SignedIn, cast: People, erika: ScopeNode
) -> None:
    carol = choose(signed_in(cast.carol), erika)
    assert b"This field is required." in carol.post("/tickets/new/law/", {}).content
    carol.post("/tickets/new/law/", LAW)
    page = carol.post("/tickets/new/person/", {**PERSON, "received_on": "2100-01-01"}).content
    assert page.index(b"id_received_on_helptext") < page.index(b"lies in the future.")
    assert b"This field is required." in carol.post("/tickets/new/person/", {}).content
    assert carol.get("/tickets/new/summary/").status_code == 302
    assert not Ticket.objects.exists()


def test_the_tree_opens_page_by_page(
    signed_in: SignedIn, cast: People, patients: DatasetVersion, erika: ScopeNode
) -> None:
    carol = signed_in(cast.carol)
    address = f"/datasets/{patients.dataset_id}/branches/"
    assert b"North Clinic" in carol.get(address).content
    below = carol.get(address, {"at": erika.parent_id, "choose": "1"}).content
    assert b"Max Beispiel" in below and b'name="add"' in below
    after = carol.get(address, {"at": erika.parent_id, "after": erika.path}).content
    assert b"Erika" not in after and b"Max Beispiel" in after


def test_refilling_an_empty_draft_starts_at_the_data(signed_in: SignedIn, cast: People) -> None:
    actor: Actor = cast.carol
    assert signed_in(actor).get("/tickets/new/law/").headers["Location"] == "/tickets/new/"
    assert signed_in(actor).get("/tickets/new/person/").headers["Location"] == "/tickets/new/law/"
