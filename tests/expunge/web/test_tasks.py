"""What people do with a ticket on its page: each by who may, with the reason it asks for."""

from __future__ import annotations

import pytest
from django.test import Client

from expunge.tickets.models import Ticket
from expunge.tickets.rules import Task
from expunge.tickets.states import TicketState
from expunge.tickets.tasks import TASKS
from expunge.web.tasks import CARDS
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People
from tests.expunge.tour import Tour
from tests.expunge.web.conftest import SignedIn


def do(client: Client, ticket: Ticket, task: str, **body: str) -> int:
    return client.post(f"/tickets/{ticket.pk}/{task}/", body).status_code


def state(ticket: Ticket) -> str:
    ticket.refresh_from_db()
    return ticket.state


def test_every_task_has_a_service_and_a_form() -> None:
    assert set(TASKS) == set(CARDS) == set(Task)


def test_a_second_person_must_approve(
    signed_in: SignedIn, cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()
    alice, bob, carol = (signed_in(who) for who in (cast.alice, cast.bob, cast.carol))
    assert do(carol, ticket, "submit", text="fine") == 403
    assert do(alice, ticket, "submit", text="Ground checked.") == 302
    assert state(ticket) == TicketState.AWAITING_APPROVAL
    assert do(alice, ticket, "approve", text="mine") == 403
    assert do(carol, ticket, "approve", text="mine") == 403
    assert state(ticket) == TicketState.AWAITING_APPROVAL
    assert do(bob, ticket, "approve", text="Agreed.") == 302
    assert state(ticket) == TicketState.APPROVED


def test_a_task_without_its_reason_comes_back_with_the_page(
    signed_in: SignedIn, cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()
    alice = signed_in(cast.alice)
    answer = alice.post(f"/tickets/{ticket.pk}/submit/", {"text": ""})
    assert answer.status_code == 422 and b"This field is required." in answer.content
    assert do(alice, ticket, "reject", text="No.", code="because") == 422
    assert do(alice, ticket, "reject", text="Kept by law.", code="legal_duty") == 302
    assert state(ticket) == TicketState.REJECTED


@pytest.mark.parametrize("task", [task.replace("_", "-") for task in Task])
def test_mallory_can_do_nothing(
    signed_in: SignedIn, cast: People, file_ticket: FileTicket, task: str
) -> None:
    ticket = file_ticket()
    before = state(ticket)
    body = {"text": "mine", "code": "by_person"}
    assert do(signed_in(cast.mallory), ticket, task, **body) == 404
    assert state(ticket) == before


def test_a_hold_stops_and_its_release_resumes(
    signed_in: SignedIn, cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()
    alice = signed_in(cast.alice)
    assert do(alice, ticket, "hold", text="Court of Riverland", code="litigation") == 302
    assert state(ticket) == TicketState.ON_HOLD
    assert do(alice, ticket, "release", text="Over", code="matter_closed") == 302
    assert state(ticket) == TicketState.UNDER_REVIEW


def test_the_page_offers_what_this_person_may_do_now(signed_in: SignedIn, grand_tour: Tour) -> None:
    people, tickets = grand_tour.people, grand_tour.tickets

    def offered(who: str, name: str) -> set[str]:
        page = signed_in(getattr(people, who)).get(f"/tickets/{tickets[name].pk}/")
        return {str(form.task) for form in page.context["forms"]}

    assert "approve" in offered("bob", "approval") and "approve" not in offered("alice", "approval")
    assert "submit" in offered("alice", "review")
    assert "release" in offered("alice", "held")
    assert "retry" in offered("carol", "failed")
    assert "close_unverified" in offered("alice", "failed")
    assert offered("dora", "review") == set() == offered("alice", "closed")


def test_a_task_that_is_no_longer_possible_says_why(
    signed_in: SignedIn, cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()
    answer = signed_in(cast.bob).post(f"/tickets/{ticket.pk}/approve/", {"text": "Agreed."})
    assert answer.status_code == 409 and b"is not possible while the ticket is" in answer.content


def test_tickets_are_found_by_reference_and_by_exact_name(
    signed_in: SignedIn, grand_tour: Tour
) -> None:
    alice = signed_in(grand_tour.people.alice)
    held = grand_tour.tickets["held"]
    for search in (held.reference, held.reference[3:8].lower(), "paul NEUMANN"):
        answer = alice.post("/tickets/find/", {"search": search}, follow=True)
        page = answer.content.decode()
        assert "neumann" not in str(answer.redirect_chain).lower()
        assert held.reference in page and grand_tour.tickets["review"].reference not in page


def test_the_list_is_filtered(signed_in: SignedIn, grand_tour: Tour) -> None:
    alice = signed_in(grand_tour.people.alice)
    tickets = grand_tour.tickets
    late = alice.get("/tickets/?overdue=1").content.decode()
    assert tickets["approval"].reference in late and tickets["held"].reference not in late
    held = alice.get("/tickets/?state=on_hold").content.decode()
    assert tickets["held"].reference in held and tickets["approval"].reference not in held
