"""Pages ask the database a bounded number of questions, whatever there is to show."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from expunge.registry.models import ScopeNode
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People
from tests.expunge.tour import Tour
from tests.expunge.web.conftest import SignedIn

MOST = {
    "/": 45,
    "/tickets/": 30,
    "/tickets/?due=overdue&stuck=1&mine=1&sort=state": 35,
    "/models/": 15,
    "/datasets/": 15,
    "/certificates/": 15,
    "/audit/": 20,
}


def asked(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as questions:
        assert client.get(address).status_code == 200
    return len(questions)


@pytest.mark.parametrize("address", MOST)
def test_more_tickets_ask_no_more_questions(
    signed_in: SignedIn, grand_tour: Tour, file_ticket: FileTicket, address: str
) -> None:
    alice = signed_in(grand_tour.people.alice)
    alice.get("/")
    before = asked(alice, address)
    erika = grand_tour.erika
    for _ in range(12):
        file_ticket(node_ids=[erika.pk])
    after = asked(alice, address)
    assert after <= before + 1, "one more list may have begun to show"
    assert after <= MOST[address]


def test_a_ticket_asks_as_much_with_one_person_as_with_many(
    signed_in: SignedIn, grand_tour: Tour, file_ticket: FileTicket
) -> None:
    alice = signed_in(grand_tour.people.alice)
    alice.get("/")
    people = list(ScopeNode.objects.filter(depth=1).exclude(label_index=b""))
    one = file_ticket(node_ids=[grand_tour.erika.pk])
    many = file_ticket(node_ids=[node.pk for node in people[:8]])
    few, more = (asked(alice, f"/tickets/{item.pk}/") for item in (one, many))
    assert more <= few + 2 and more <= 110


def test_the_tree_asks_as_much_for_a_page_as_for_a_row(
    signed_in: SignedIn, cast: People, grand_tour: Tour
) -> None:
    alice = signed_in(cast.alice)
    alice.get("/")
    root = f"/datasets/{grand_tour.dataset.pk}/"
    below = f"{root}branches/?at={grand_tour.erika.parent_id}"
    assert asked(alice, below) <= 16
    assert asked(alice, root) <= 22
