"""What data subjects meet without an account: the form, the secret link, the status page."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from expunge.accounts.models import ControllerPolicy
from expunge.common import clock
from expunge.config.redaction import redact
from expunge.notices.models import Notice
from expunge.subjects.identity import identity_code_send
from expunge.subjects.links import link_found, status_link_make, status_links_revoke
from expunge.subjects.models import IntakeRequest, StatusLink
from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState
from expunge.web.public import limits
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People
from tests.expunge.subjects.conftest import mailed_code, mailed_link
from tests.expunge.tour import Tour

ASKED = {
    "subject_name": "Erika Mustermann",
    "contact": "erika@home.example",
    "regime": "gdpr",
    "note": "A patient in 2019",
}


@pytest.fixture
def form(cast: People, settings: Any) -> str:
    settings.EXPUNGE_PUBLIC_INTAKE = True
    ControllerPolicy.objects.create(controller=cast.controller, number=1, public_intake=True)
    return f"/ask/{cast.controller.pk}/"


@pytest.fixture
def followed(cast: People, file_ticket: FileTicket) -> Callable[..., tuple[Client, Ticket]]:
    """Return a browser that came by the secret link of a ticket."""

    def follow(**given: Any) -> tuple[Client, Ticket]:
        ticket = file_ticket(**{"identity_confirmed": False, **given})
        address = status_link_make(actor=cast.alice, ticket_id=ticket.pk)
        client = Client()
        assert client.get(path_of(address)).status_code == 302
        return client, ticket

    return follow


def path_of(address: str) -> str:
    return re.sub(r"^https?://[^/]+", "", address)


def test_a_stranger_asks_and_follows_the_link_of_the_letter(form: str) -> None:
    client = Client()
    assert client.get(form).status_code == 200
    answer = client.post(form, ASKED)
    intake = IntakeRequest.objects.get()
    assert intake.reference in answer.content.decode()
    assert b"Erika" not in answer.content
    entered = client.get(mailed_link())
    assert (entered.status_code, entered.headers["Location"]) == (302, "/request/")
    page = client.get("/request/")
    assert intake.reference in page.content.decode() and b"Erika" not in page.content
    client.post("/request/code/", {"code": mailed_code()})
    intake.refresh_from_db()
    assert intake.shown_at is not None


def test_the_form_answers_everybody_alike(form: str, erika: object) -> None:
    known = Client().post(form, ASKED)
    unknown = Client().post(form, {**ASKED, "subject_name": "Nobody At All"})
    kept = IntakeRequest.objects.values_list("reference", flat=True)
    plain = [re.sub(r"csrf\S+ value=\S+", "", page.content.decode()) for page in (known, unknown)]
    for reference in kept:
        plain = [text.replace(reference, "R") for text in plain]
    plain = [re.sub(r"/request/[\w-]+/", "L", text) for text in plain]
    assert plain[0] == plain[1] and known.status_code == unknown.status_code == 200


def test_there_is_no_form_where_nobody_wants_it(cast: People, form: str, settings: Any) -> None:
    assert Client().get(f"/ask/{cast.elsewhere.pk}/").status_code == 404
    settings.EXPUNGE_PUBLIC_INTAKE = False
    assert Client().post(form, ASKED).status_code == 404
    assert not IntakeRequest.objects.exists()


def test_a_program_that_fills_in_everything_is_told_nothing(form: str) -> None:
    answer = Client().post(form, {**ASKED, "website": "https://spam.example"})
    assert answer.status_code == 200 and not IntakeRequest.objects.exists()


def test_many_requests_from_one_address_wait(form: str) -> None:
    client = Client()
    for _ in range(limits.ASKED_FROM.most):
        assert client.post(form, ASKED).status_code == 200
    assert client.post(form, ASKED).status_code == 429
    assert IntakeRequest.objects.count() == limits.ASKED_FROM.most
    assert Client(REMOTE_ADDR="192.0.2.7").post(form, ASKED).status_code == 200


def test_nobody_can_have_a_stranger_flooded_with_letters(form: str) -> None:
    for number in range(5):
        Client(REMOTE_ADDR=f"192.0.2.{number}").post(form, ASKED)
    assert IntakeRequest.objects.count() == 5, "filing is never refused for it"
    assert Notice.objects.filter(kind="acknowledgement").count() == limits.WRITTEN_TO.most


def test_all_requests_together_are_bounded(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ASKED_ALL", limits.Limit("all", 2, timedelta(hours=1)))
    codes = [
        Client(REMOTE_ADDR=f"192.0.2.{number}").post(form, ASKED).status_code for number in range(3)
    ]
    assert codes == [200, 200, 429]


def test_the_status_page_tells_no_name_and_leaves_no_trace(
    followed: Callable[..., tuple[Client, Ticket]],
) -> None:
    client, ticket = followed()
    page = client.get("/request/")
    text = page.content.decode()
    assert ticket.reference in text and "Waiting for you" in text
    for secret in ("Erika", "Mustermann", "home.example", "Carol", "forget me"):
        assert secret not in text
    assert "no-store" in page.headers["Cache-Control"]
    assert "noindex" in page.headers["X-Robots-Tag"]
    assert page.headers["Referrer-Policy"] == "same-origin"
    cookie = client.cookies["expunge_request"]
    assert cookie["httponly"] and cookie["path"] == "/request/" and cookie["max-age"] == 1800


def test_the_secret_stands_in_one_address_only(cast: People, file_ticket: FileTicket) -> None:
    ticket = file_ticket()
    address = status_link_make(actor=cast.alice, ticket_id=ticket.pk)
    token = address.rstrip("/").rsplit("/", 1)[1]
    assert len(token) >= 43
    assert not StatusLink.objects.filter(digest__contains=token.encode()).exists()
    client = Client()
    answer = client.get(path_of(address))
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer.headers["Cache-Control"]
    assert token not in client.cookies["expunge_request"].value
    assert token not in client.get("/request/").content.decode()
    assert token not in redact(f'GET {path_of(address)} HTTP/1.1" 302')


def test_a_wrong_revoked_or_expired_link_leads_nowhere(
    cast: People, followed: Callable[..., tuple[Client, Ticket]]
) -> None:
    client, ticket = followed()
    again = status_link_make(actor=cast.alice, ticket_id=ticket.pk)
    StatusLink.objects.update(expires_at=clock.now() - timedelta(minutes=1))
    assert client.get("/request/").status_code == 404
    assert Client().get(path_of(again)).status_code == 404
    third = status_link_make(actor=cast.alice, ticket_id=ticket.pk)
    other = Client()
    other.get(path_of(third))
    assert other.get("/request/").status_code == 200
    assert status_links_revoke(actor=cast.alice, ticket_id=ticket.pk) == 1
    assert other.get("/request/").status_code == 404, "a visit ends with its link"
    assert Client().get(path_of(third)).status_code == 404
    assert link_found("x" * 43) is None
    assert Client().get("/request/").status_code == 404


def test_a_stranger_forges_no_visit(followed: Callable[..., tuple[Client, Ticket]]) -> None:
    _, ticket = followed()
    link = StatusLink.objects.get(ticket=ticket, made_by__isnull=False)
    client = Client()
    for value in (str(link.pk), f"{link.pk}:x:y", ""):
        client.cookies["expunge_request"] = value
        assert client.get("/request/").status_code == 404


def test_a_person_enters_the_code_of_the_letter(
    cast: People, followed: Callable[..., tuple[Client, Ticket]]
) -> None:
    client, ticket = followed()
    identity_code_send(actor=cast.alice, ticket_id=ticket.pk)
    wrong = client.post("/request/code/", {"code": "22222-22222"})
    assert b"not the code" in wrong.content
    assert client.post("/request/code/", {"code": mailed_code()}).status_code == 302
    ticket.refresh_from_db()
    assert ticket.state == TicketState.UNDER_REVIEW
    assert b"Enter the code" not in client.get("/request/").content


def test_a_person_asks_for_a_code_and_not_too_often(
    followed: Callable[..., tuple[Client, Ticket]],
) -> None:
    client, _ = followed()
    assert b"We have sent you a code" in client.post("/request/code/new/").content
    assert b"A code was sent just now" in client.post("/request/code/new/").content
    assert Notice.objects.filter(kind="identity_request").count() == 1


def test_guessing_codes_is_bounded_by_address(
    followed: Callable[..., tuple[Client, Ticket]],
) -> None:
    client, _ = followed()
    answers = {
        client.post("/request/code/", {"code": "22222-22222"}).status_code
        for _ in range(limits.TRIED_FROM.most + 1)
    }
    assert 429 in answers


def test_a_person_withdraws_after_a_second_question(
    followed: Callable[..., tuple[Client, Ticket]],
) -> None:
    client, ticket = followed()
    assert client.get("/request/withdraw/").status_code == 200
    client.post("/request/withdraw/", {})
    ticket.refresh_from_db()
    assert ticket.state == TicketState.IDENTITY_PENDING
    assert client.post("/request/withdraw/", {"sure": "on"}).status_code == 302
    ticket.refresh_from_db()
    assert ticket.state == TicketState.WITHDRAWN
    assert ticket.moves.last().reason == "by_person"  # type: ignore[union-attr]
    assert b"Withdrawn" in client.get("/request/").content


def test_leaving_ends_the_visit(followed: Callable[..., tuple[Client, Ticket]]) -> None:
    client, _ = followed()
    assert client.post("/request/leave/").status_code == 200
    assert client.get("/request/").status_code == 404


def test_every_state_is_told_in_plain_words(cast: People, grand_tour: Tour) -> None:
    for ticket in grand_tour.tickets.values():
        client = Client()
        client.get(path_of(status_link_make(actor=cast.alice, ticket_id=ticket.pk)))
        page = client.get("/request/")
        assert page.status_code == 200 and ticket.reference in page.content.decode()


def test_nobody_fetches_another_persons_document(
    followed: Callable[..., tuple[Client, Ticket]],
) -> None:
    client, _ = followed()
    absent = "0" * 8 + "-0000-4000-8000-" + "0" * 12
    assert client.get(f"/request/documents/{absent}.pdf").status_code == 404


def test_the_pages_need_the_token_of_the_form(
    followed: Callable[..., tuple[Client, Ticket]],
) -> None:
    client, _ = followed()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post("/request/withdraw/", {"sure": "on"}).status_code == 403


def test_the_day_of_receipt_is_that_of_the_organisation(
    followed: Callable[..., tuple[Client, Ticket]],
) -> None:
    client, ticket = followed(received_at=datetime(2025, 1, 6, 23, 30, tzinfo=UTC))
    assert ticket.controller.time_zone == "Europe/Berlin"
    page = client.get("/request/").text
    assert "7 Jan 2025" in page and "6 Jan 2025" not in page
