"""One's own account: second factor, recovery codes, password, sessions, tokens, profile."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.test import Client

from expunge.accounts.letters import _POST
from expunge.accounts.models import ApiToken, Membership, Role
from expunge.accounts.permissions import Actor
from expunge.accounts.policies import policy_change
from expunge.accounts.services import token_create
from expunge.accounts.tokens import token_grant
from tests.expunge.factories import PASSWORD, People, all_leaves, leaves
from tests.expunge.web.confirmed import confirm
from tests.expunge.web.conftest import SignedIn

NEW = "another long passphrase 9"


def code_for(secret: str, steps: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def sign_in(actor: Actor, password: str = PASSWORD) -> Client:
    client = Client()
    assert actor.user is not None
    client.post("/sign-in/", {"login": actor.user.email, "password": password})
    return client


def set_up(client: Client) -> tuple[str, list[str]]:
    """Set up a second factor; return its secret and the recovery codes."""
    page = client.get("/account/second-factor/set-up/").content.decode()
    found = re.search(r'id="key">([A-Z2-7]+)<', page)
    assert found is not None, page
    secret = found[1]
    answer = client.post("/account/second-factor/set-up/", {"code": code_for(secret)})
    assert answer.headers["Location"] == "/account/second-factor/codes/"
    codes = re.findall(r"<li>(\d{8})</li>", client.get(answer.headers["Location"]).content.decode())
    cache.clear()  # a code that was used is refused for half a minute
    return secret, codes


def post_is_delivered() -> None:
    _POST.submit(lambda: None).result()
    _POST.submit(lambda: None).result()
    time.sleep(0.05)


def link_of(message: mail.EmailMessage) -> str:
    found = re.search(r"https?://[^/]+(/password/new/\S+)", str(message.body))
    assert found is not None
    return found[1]


def test_a_second_factor_is_asked_for_once_it_is_set_up(cast: People) -> None:
    alice = confirm(sign_in(cast.alice), cast.alice)
    secret, _ = set_up(alice)
    again = sign_in(cast.alice)
    assert again.get("/").status_code == 302
    assert again.post("/sign-in/code/", {"code": "000000"}).status_code == 200
    assert again.post("/sign-in/code/", {"code": code_for(secret)}).status_code == 302
    assert again.get("/").status_code == 200


def test_the_picture_of_the_key_is_made_here(cast: People) -> None:
    alice = confirm(sign_in(cast.alice), cast.alice)
    page = alice.get("/account/second-factor/set-up/")
    assert b'src="data:image/svg+xml;base64,' in page.content
    assert "no-store" in page.headers["Cache-Control"]


def test_the_secret_is_encrypted_wherever_it_lies(cast: People) -> None:
    alice = confirm(sign_in(cast.alice), cast.alice)
    page = alice.get("/account/second-factor/set-up/").content.decode()
    found = re.search(r'id="key">([A-Z2-7]+)<', page)
    assert found is not None
    kept = "".join(Session.objects.values_list("session_data", flat=True))
    assert found[1] not in kept and "mfa" not in kept
    alice.post("/account/second-factor/set-up/", {"code": code_for(found[1])})
    stored = "".join(str(row.data) for row in Authenticator.objects.all())
    assert found[1] not in stored
    assert found[1].encode() not in all_leaves()


def test_a_recovery_code_opens_the_account_once(cast: People) -> None:
    _, codes = set_up(confirm(sign_in(cast.alice), cast.alice))
    assert len(codes) == 10
    first, second = sign_in(cast.alice), sign_in(cast.alice)
    assert first.post("/sign-in/code/", {"code": codes[0]}).status_code == 302
    assert second.post("/sign-in/code/", {"code": codes[0]}).status_code == 200


def test_recovery_codes_are_shown_once_and_can_be_kept_as_a_file(cast: People) -> None:
    alice = confirm(sign_in(cast.alice), cast.alice)
    page = alice.get("/account/second-factor/set-up/").content.decode()
    found = re.search(r'id="key">([A-Z2-7]+)<', page)
    assert found is not None
    alice.post("/account/second-factor/set-up/", {"code": code_for(found[1])})
    shown = alice.get("/account/second-factor/codes/").content
    assert b'download="expunge-recovery-codes.txt"' in shown and b"data:text/plain" in shown
    assert not re.search(rb"<li>\d{8}</li>", alice.get("/account/second-factor/codes/").content)


def test_guessing_codes_is_slowed_down(cast: People) -> None:
    secret, _ = set_up(confirm(sign_in(cast.alice), cast.alice))
    again = sign_in(cast.alice)
    for _ in range(5):
        again.post("/sign-in/code/", {"code": "000000"})
    assert again.post("/sign-in/code/", {"code": code_for(secret)}).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/account/second-factor/set-up/",
        "/account/second-factor/codes/new/",
    ],
)
def test_what_matters_asks_for_the_password_once_more(cast: People, address: str) -> None:
    alice = sign_in(cast.alice)
    asked = alice.get(address)
    assert asked.headers["Location"].startswith("/account/confirm/")
    wrong = alice.post(asked.headers["Location"], {"password": "wrong"})
    assert b"This is not your password." in wrong.content
    right = alice.post(asked.headers["Location"], {"password": PASSWORD})
    assert right.headers["Location"] == address
    assert alice.get(address).status_code == 200


def test_the_second_factor_leaves_entries_in_the_log(cast: People) -> None:
    alice = confirm(sign_in(cast.alice), cast.alice)
    set_up(alice)
    confirm(alice, cast.alice).post("/account/second-factor/remove/")
    kinds = {leaf["data"]["kind"] for leaf in leaves("second_factor.added")}
    assert kinds == {"totp", "recovery_codes"}
    assert {leaf["actor"] for leaf in leaves("second_factor.removed")} == {cast.alice.pseudonym}
    assert not Authenticator.objects.exists()


def test_whose_role_needs_a_second_factor_is_led_to_it_first(
    signed_in: SignedIn, cast: People
) -> None:
    policy_change(actor=cast.ada, controller_id=cast.controller.pk, second_factor_roles=["dpo"])
    alice = signed_in(cast.alice)
    for address in ("/", "/tickets/", "/account/", "/account/tokens/new/"):
        assert alice.get(address).headers["Location"] == "/account/second-factor/set-up/"
    assert alice.post("/tickets/find/", {"search": "x"}).status_code == 302
    assert signed_in(cast.bob).get("/").status_code == 200
    set_up(confirm(alice, cast.alice))
    assert alice.get("/").status_code == 200


def test_a_needed_second_factor_cannot_be_removed(cast: People) -> None:
    alice = confirm(sign_in(cast.alice), cast.alice)
    set_up(alice)
    policy_change(actor=cast.ada, controller_id=cast.controller.pk, second_factor_roles=["dpo"])
    answer = alice.post("/account/second-factor/remove/")
    assert b"Your role needs a second factor" in answer.content
    assert Authenticator.objects.filter(type="totp").exists()


def test_a_link_by_mail_sets_a_password_and_ends_every_session(
    client: Client, cast: People
) -> None:
    alice = sign_in(cast.alice)
    assert cast.alice.user is not None
    client.post("/password/forgotten/", {"email": cast.alice.user.email})
    post_is_delivered()
    (message,) = mail.outbox
    address = client.get(link_of(message)).headers["Location"]
    client.post(address, {"password1": NEW, "password2": NEW})
    assert alice.get("/").status_code == 302
    assert sign_in(cast.alice).get("/").status_code == 302
    assert sign_in(cast.alice, NEW).get("/").status_code == 200
    assert b"This link has been used" in Client().get(link_of(message)).content
    assert [leaf["data"] for leaf in leaves("password.changed")] == [{"how": "mail"}]


def test_the_page_says_the_same_to_a_stranger_and_no_mail_goes_out(
    client: Client, cast: People
) -> None:
    assert cast.alice.user is not None
    answers = [
        client.post("/password/forgotten/", {"email": email})
        for email in (cast.alice.user.email, "nobody@riverland.example")
    ]
    post_is_delivered()
    assert {item.headers["Location"] for item in answers} == {"/password/sent/"}
    assert [message.to for message in mail.outbox] == [[cast.alice.user.email]]


def test_a_weak_password_is_refused(client: Client, cast: People) -> None:
    alice = sign_in(cast.alice)
    body = {"oldpassword": PASSWORD, "password1": "12345678", "password2": "12345678"}
    assert b"too common" in alice.post("/account/password/", body).content


def test_a_changed_password_ends_the_sessions_elsewhere_and_is_told_by_mail(cast: People) -> None:
    here, there = sign_in(cast.alice), sign_in(cast.alice)
    body = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert here.post("/account/password/", {**body, "oldpassword": "wrong"}).status_code == 200
    here.post("/account/password/", body)
    post_is_delivered()
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302
    assert "Your password was changed." in str(mail.outbox[-1].body)
    assert [leaf["data"] for leaf in leaves("password.changed")] == [{"how": "account"}]


def test_a_session_gets_a_new_key_on_signing_in(cast: People) -> None:
    client = Client()
    client.get("/tickets/")
    session = client.session
    session["left"] = "behind"
    session.save()
    client.cookies["sessionid"] = planted = session.session_key
    assert cast.alice.user is not None
    client.post("/sign-in/", {"login": cast.alice.user.email, "password": PASSWORD})
    assert client.session.session_key != planted
    assert not Session.objects.filter(session_key=planted).exists()


def test_sessions_are_listed_and_ended(cast: People) -> None:
    here, there = sign_in(cast.alice), sign_in(cast.alice)
    page = here.get("/account/").content.decode()
    (other,) = UserSession.objects.exclude(session_key=here.session.session_key)
    assert f"/account/sessions/{other.pk}/end/" in page
    here.post(f"/account/sessions/{other.pk}/end/")
    assert there.get("/").status_code == 302 and here.get("/").status_code == 200
    assert len(leaves("sessions.ended")) == 1


def test_nobody_ends_the_session_of_somebody_else(cast: People) -> None:
    alice, mallory = sign_in(cast.alice), sign_in(cast.mallory)
    (session,) = UserSession.objects.filter(user=cast.alice.user)
    assert mallory.post(f"/account/sessions/{session.pk}/end/").status_code == 404
    mallory.post("/account/sessions/end/")
    assert alice.get("/").status_code == 200


@pytest.mark.parametrize("limit", ["EXPUNGE_SESSION_IDLE", "EXPUNGE_SESSION_LIFE"])
def test_a_session_ends_when_it_is_idle_or_old(
    cast: People, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    alice = sign_in(cast.alice)
    later = time.time() + getattr(settings, limit).total_seconds() + 1
    if limit == "EXPUNGE_SESSION_LIFE":  # it was used all the while
        session = alice.session
        session["seen"] = later - 5
        session.save()
    monkeypatch.setattr("expunge.web.sessions.time.time", lambda: later)
    answer = alice.get("/")
    assert answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in/")


def test_a_session_in_use_lives_on(cast: People, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, start = sign_in(cast.alice), time.time()
    step = settings.EXPUNGE_SESSION_IDLE - timedelta(minutes=1)
    for number in range(1, 4):
        moment = start + number * step.total_seconds()
        monkeypatch.setattr("expunge.web.sessions.time.time", lambda moment=moment: moment)
        assert alice.get("/").status_code == 200


def test_a_profile_is_changed(signed_in: SignedIn, cast: People) -> None:
    alice = signed_in(cast.alice)
    body = {"name": "Alice Adler", "time_zone": "Asia/Tokyo"}
    assert alice.post("/account/", body).status_code == 302
    assert cast.alice.user is not None
    cast.alice.user.refresh_from_db()
    assert (cast.alice.user.name, cast.alice.user.time_zone) == ("Alice Adler", "Asia/Tokyo")
    assert alice.post("/account/", {**body, "time_zone": "Moon/Sea"}).status_code == 422


def test_a_token_is_made_shown_once_replaced_and_ended(signed_in: SignedIn, cast: People) -> None:
    alice = confirm(signed_in(cast.alice), cast.alice)
    body = {
        "name": "night jobs",
        "organisation": str(cast.controller.pk),
        "scopes": ["ticket.view"],
        "days": "30",
    }
    made = alice.post("/account/tokens/new/", body).content.decode()
    found = re.search(r'id="secret">([\w-]+)<', made)
    assert found is not None and token_grant(found[1]) is not None
    assert found[1] not in alice.get("/account/").content.decode()
    token = ApiToken.objects.get()
    replaced = alice.post(f"/account/tokens/{token.pk}/rotate/").content.decode()
    second = re.search(r'id="secret">([\w-]+)<', replaced)
    assert second is not None and token_grant(second[1]) is not None
    assert token_grant(found[1]) is None
    fresh = ApiToken.objects.get(revoked_at=None)
    alice.post(f"/account/tokens/{fresh.pk}/end/")
    assert token_grant(second[1]) is None
    assert len(leaves("token.rotated")) == 1


def test_making_a_token_asks_for_the_password_and_then_goes_on(cast: People) -> None:
    alice = sign_in(cast.alice)
    body = {
        "name": "night jobs",
        "organisation": str(cast.controller.pk),
        "scopes": ["ticket.view"],
        "days": "30",
    }
    asked = alice.post("/account/tokens/new/", body)
    assert asked.headers["Location"].startswith("/account/confirm/")
    assert not ApiToken.objects.exists()
    answer = alice.post(asked.headers["Location"], {"password": PASSWORD})
    assert b"The token is made" in answer.content and ApiToken.objects.count() == 1


def test_a_token_is_asked_for_only_within_ones_own_rights(
    signed_in: SignedIn, cast: People
) -> None:
    alice = confirm(signed_in(cast.alice), cast.alice)
    body = {"name": "x", "organisation": str(cast.controller.pk), "days": "3"}
    for wrong in (
        {"scopes": ["administer"]},
        {"scopes": ["ticket.view"], "organisation": str(cast.elsewhere.pk)},
    ):
        assert alice.post("/account/tokens/new/", {**body, **wrong}).status_code == 422
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("task", ["rotate", "end"])
def test_nobody_touches_the_token_of_somebody_else(
    signed_in: SignedIn, cast: People, task: str
) -> None:
    token, secret = token_create(
        actor=cast.alice, controller_id=cast.controller.pk, name="a", scopes=["ticket.view"]
    )
    for stranger in (cast.bob, cast.mallory):
        client = confirm(signed_in(stranger), stranger)
        assert client.post(f"/account/tokens/{token.pk}/{task}/").status_code == 404
    assert token_grant(secret) is not None


def test_a_replaced_token_gets_no_right_that_was_lost(signed_in: SignedIn, cast: People) -> None:
    Membership.objects.create(user=cast.alice.user, controller=cast.controller, role=Role.APPROVER)
    token, _ = token_create(
        actor=cast.alice,
        controller_id=cast.controller.pk,
        name="a",
        scopes=["ticket.approve", "ticket.view"],
    )
    Membership.objects.filter(user=cast.alice.user, role=Role.APPROVER).delete()
    confirm(signed_in(cast.alice), cast.alice).post(f"/account/tokens/{token.pk}/rotate/")
    assert ApiToken.objects.get(revoked_at=None).scopes == ["ticket.view"]


def test_cookies_of_a_session_are_out_of_reach_of_scripts(cast: People) -> None:
    cookie = sign_in(cast.alice).cookies["sessionid"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax"
    assert not cookie["expires"] and not cookie["max-age"]
