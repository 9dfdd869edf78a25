"""Signing in: with the right password, not too often with a wrong one."""

from __future__ import annotations

import pytest
from django.test import Client

from expunge.accounts.permissions import Actor
from expunge.web.throttle import PER_PERSON
from tests.expunge.factories import PASSWORD, People
from tests.expunge.web.conftest import SignedIn


def try_to_sign_in(client: Client, actor: Actor, password: str, **extra: str) -> int:
    assert actor.user is not None
    body = {"username": actor.user.email, "password": password}
    return client.post("/sign-in/", body, **extra).status_code  # type: ignore[arg-type]


def test_the_right_password_opens_the_dashboard(client: Client, cast: People) -> None:
    assert try_to_sign_in(client, cast.alice, PASSWORD) == 302
    assert client.get("/").status_code == 200


def test_a_wrong_password_opens_nothing(client: Client, cast: People) -> None:
    assert try_to_sign_in(client, cast.alice, "wrong") == 200
    assert client.get("/").status_code == 302


def test_guessing_is_slowed_down_even_for_the_right_password(client: Client, cast: People) -> None:
    for _ in range(PER_PERSON):
        try_to_sign_in(client, cast.alice, "wrong")
    assert try_to_sign_in(client, cast.alice, PASSWORD) == 200
    assert try_to_sign_in(client, cast.bob, PASSWORD) == 302


def test_nobody_locks_somebody_out_from_elsewhere(client: Client, cast: People) -> None:
    for _ in range(PER_PERSON):
        try_to_sign_in(client, cast.alice, "wrong", REMOTE_ADDR="203.0.113.9")
    assert try_to_sign_in(client, cast.alice, PASSWORD) == 302


def test_a_success_forgives_earlier_failures(client: Client, cast: People) -> None:
    for _ in range(PER_PERSON - 1):
        try_to_sign_in(client, cast.alice, "wrong")
    assert try_to_sign_in(client, cast.alice, PASSWORD) == 302
    assert try_to_sign_in(Client(), cast.alice, "wrong") == 200
    assert try_to_sign_in(Client(), cast.alice, PASSWORD) == 302


def test_signing_out_needs_a_form_and_ends_the_session(signed_in: SignedIn, cast: People) -> None:
    alice = signed_in(cast.alice)
    assert alice.get("/sign-out/").status_code == 405
    alice.post("/sign-out/")
    assert alice.get("/").status_code == 302


def test_nobody_is_led_away_after_signing_in(client: Client, cast: People) -> None:
    assert cast.alice.user is not None
    body = {"username": cast.alice.user.email, "password": PASSWORD, "next": "https://evil.example"}
    assert client.post("/sign-in/", body).headers["Location"] == "/"


@pytest.mark.parametrize("address", ["/sign-in/", "/sign-out/", "/tickets/find/", "/audit/"])
def test_no_form_is_taken_from_another_site(cast: People, address: str) -> None:
    client = Client(enforce_csrf_checks=True)
    assert cast.alice.user is not None
    client.force_login(cast.alice.user)
    answer = client.post(address)
    assert answer.status_code == 403 and b"This form has expired" in answer.content
