"""Filing a ticket: choose the data, name the ground, and nothing personal stays behind."""

from __future__ import annotations

from django.test import Client

from expunge.accounts.permissions import Actor
from expunge.registry.models import DatasetVersion, ModelVersion, ScopeNode
from expunge.tickets.models import Ticket
from expunge.tickets.selectors import ticket_nodes
from expunge.tickets.states import TicketState
from tests.expunge.factories import People
from tests.expunge.web.conftest import SignedIn

FORM = {"ground": "objection", "subject_name": "Erika Mustermann", "profile": "erasure"}


def choose(client: Client, *nodes: ScopeNode) -> Client:
    for node in nodes:
        client.post("/tickets/new/scope/", {"add": node.pk})
    return client


def test_a_ticket_is_filed_in_two_steps(
    signed_in: SignedIn, cast: People, original: ModelVersion, erika: ScopeNode
) -> None:
    carol = choose(signed_in(cast.carol), erika)
    assert b"Erika Mustermann" in carol.get("/tickets/new/request/").content
    answer = carol.post("/tickets/new/request/?regime=gdpr", FORM)
    ticket = Ticket.objects.get()
    assert answer.headers["Location"] == f"/tickets/{ticket.pk}/"
    assert ticket.state == TicketState.IDENTITY_PENDING
    assert ticket_nodes(ticket) == (erika,)
    assert carol.get("/tickets/new/request/").status_code == 302, "the draft is used up"


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


def test_the_draft_remembers_ids_and_no_name(
    signed_in: SignedIn, cast: People, erika: ScopeNode
) -> None:
    carol = choose(signed_in(cast.carol), erika)
    carol.post("/tickets/new/request/", {**FORM, "ground": ""})
    assert dict(carol.session)["draft-scope"] == [str(erika.pk)]
    assert "Erika" not in str(dict(carol.session))


def test_a_node_of_another_organisation_is_not_taken(
    signed_in: SignedIn, cast: People, erika: ScopeNode
) -> None:
    mallory = choose(signed_in(cast.mallory), erika)
    assert "Erika" not in mallory.get("/tickets/new/").content.decode()
    assert mallory.get("/tickets/new/request/").status_code == 302


def test_who_may_not_file_is_told_so(signed_in: SignedIn, cast: People, erika: ScopeNode) -> None:
    bob = choose(signed_in(cast.bob), erika)
    assert bob.post("/tickets/new/request/", FORM).status_code == 403
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
    page = carol.post("/tickets/new/request/", {**FORM, "received_on": "2100-01-01"}).content
    assert page.index(b"id_received_on_helptext") < page.index(b"lies in the future.")
    assert b"This field is required." in carol.post("/tickets/new/request/", {}).content
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
    assert signed_in(actor).get("/tickets/new/request/").headers["Location"] == "/tickets/new/"
