"""Signing in: with the right password, not too often with a wrong one."""

from __future__ import annotations

import pytest
from django.test import Client

from expunge.accounts.models import User
from expunge.accounts.permissions import Actor
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import PASSWORD, People
from tests.expunge.web.conftest import SignedIn

FAILURES = 5


def try_to_sign_in(client: Client, actor: Actor, password: str, **extra: str) -> int:
    assert actor.user is not None
    body = {"login": actor.user.email, "password": password}
    return client.post("/sign-in/", body, **extra).status_code  # type: ignore[arg-type]


def test_the_right_password_opens_the_dashboard(client: Client, cast: People) -> None:
    assert try_to_sign_in(client, cast.alice, PASSWORD) == 302
    assert client.get("/").status_code == 200


def test_a_mail_address_is_known_in_any_case(client: Client, cast: People) -> None:
    assert cast.alice.user is not None
    body = {"login": cast.alice.user.email.upper(), "password": PASSWORD}
    assert client.post("/sign-in/", body).status_code == 302


def test_a_wrong_password_opens_nothing(client: Client, cast: People) -> None:
    assert try_to_sign_in(client, cast.alice, "wrong") == 200
    assert client.get("/").status_code == 302


def test_a_stranger_and_a_wrong_password_get_the_same_answer(client: Client, cast: People) -> None:
    assert cast.alice.user is not None
    pages = [
        client.post("/sign-in/", {"login": email, "password": "wrong"}).content
        for email in (cast.alice.user.email, "nobody@riverland.example")
    ]
    told = b"This mail address and password do not belong together."
    assert all(told in page for page in pages)


def test_guessing_is_slowed_down_even_for_the_right_password(client: Client, cast: People) -> None:
    for _ in range(FAILURES):
        try_to_sign_in(client, cast.alice, "wrong")
    assert try_to_sign_in(client, cast.alice, PASSWORD) == 200
    assert try_to_sign_in(client, cast.bob, PASSWORD) == 302


def test_guessing_at_somebody_who_is_not_there_is_slowed_down_alike(
    client: Client, cast: People
) -> None:
    body = {"login": "nobody@riverland.example", "password": "wrong"}
    pages = [client.post("/sign-in/", body).content for _ in range(FAILURES + 1)]
    assert b"Too many failed attempts" not in pages[-2]
    assert b"Too many failed attempts" in pages[-1]


def test_nobody_locks_somebody_out_from_elsewhere(client: Client, cast: People) -> None:
    for _ in range(FAILURES):
        try_to_sign_in(client, cast.alice, "wrong", REMOTE_ADDR="203.0.113.9")
    assert try_to_sign_in(client, cast.alice, PASSWORD) == 302


def test_one_address_cannot_try_many_people(client: Client, cast: People) -> None:
    for number in range(50):
        client.post("/sign-in/", {"login": f"p{number}@x.example", "password": "wrong"})
    assert try_to_sign_in(client, cast.alice, PASSWORD) == 200


def test_a_success_uses_up_no_attempt(client: Client, cast: People) -> None:
    for _ in range(FAILURES - 1):
        try_to_sign_in(client, cast.alice, "wrong")
    for _ in range(3):
        assert try_to_sign_in(Client(), cast.alice, PASSWORD) == 302


def test_signing_out_needs_a_form_and_ends_the_session(signed_in: SignedIn, cast: People) -> None:
    alice = signed_in(cast.alice)
    assert alice.get("/sign-out/").status_code == 405
    alice.post("/sign-out/")
    assert alice.get("/").status_code == 302


@pytest.mark.parametrize("next_page", ["https://evil.example", "//evil.example", "javascript:x"])
def test_nobody_is_led_away_after_signing_in(client: Client, cast: People, next_page: str) -> None:
    assert cast.alice.user is not None
    body = {"login": cast.alice.user.email, "password": PASSWORD, "next": next_page}
    assert client.post("/sign-in/", body).headers["Location"] == "/"


def test_after_signing_in_one_is_where_one_wanted_to_be(client: Client, cast: People) -> None:
    assert cast.alice.user is not None
    asked = client.get("/tickets/?state=closed").headers["Location"]
    body = {"login": cast.alice.user.email, "password": PASSWORD}
    assert client.post(asked, body).headers["Location"] == "/tickets/?state=closed"


def test_who_was_signed_out_meanwhile_is_told_and_led_back_to_the_form(
    client: Client, cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()
    page = f"/tickets/{ticket.pk}/"
    sent = client.post(
        f"{page}withdraw/", {"reason": "by_person"}, headers={"Referer": f"http://testserver{page}"}
    )
    assert sent.headers["Location"] == f"/sign-in/?next={page}"
    assert "nothing was done. Sign in" in client.get(sent.headers["Location"]).text
    ticket.refresh_from_db()
    assert ticket.state != "withdrawn"
    elsewhere = {"Referer": "https://evil.example/tickets/"}
    assert client.post(f"{page}withdraw/", headers=elsewhere).headers["Location"].endswith("next=/")


def test_an_address_that_only_takes_forms_says_so(signed_in: SignedIn, cast: People) -> None:
    answer = signed_in(cast.alice).get("/tickets/bulk/")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert "only takes what a form sends" in answer.text


def test_nobody_makes_an_account_for_themselves(client: Client, db: None) -> None:
    body = {"email": "new@x.example", "password1": PASSWORD, "password2": PASSWORD}
    for address in ("/sign-in/no-account/", "/sign-in/unknown/"):
        assert b"There is no account here for you" in client.post(address, body).content
    assert not User.objects.exists()


@pytest.mark.parametrize("address", ["/sign-in/", "/sign-out/", "/tickets/find/", "/audit/"])
def test_no_form_is_taken_from_another_site(cast: People, address: str) -> None:
    client = Client(enforce_csrf_checks=True)
    assert cast.alice.user is not None
    client.force_login(cast.alice.user)
    answer = client.post(address)
    assert answer.status_code == 403 and b"This form has expired" in answer.content
