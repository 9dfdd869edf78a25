"""The pages on which an administrator brings people in and chooses for the organisation."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from expunge.accounts.models import ControllerPolicy, Membership, Role, User
from expunge.accounts.selectors import policy_of
from expunge.accounts.services import token_create
from expunge.accounts.tokens import token_grant
from tests.expunge.factories import People, person
from tests.expunge.web.confirmed import confirm
from tests.expunge.web.conftest import SignedIn
from tests.expunge.web.test_pages import INLINE

PARTS = ("people", "policy", "organisation", "tokens")
POLICY = {
    "profile": "exact",
    "ladder": ["retrain"],
    "batch_window_minutes": "60",
    "identity_expiry_days": "14",
    "retention_months": "24",
    "second_factor_roles": ["auditor"],
    "public_intake": "on",
}


@pytest.fixture
def ada(signed_in: SignedIn, cast: People) -> Client:
    return confirm(signed_in(cast.ada), cast.ada)


def at(cast: People, rest: str) -> str:
    return f"/administration/{cast.controller.pk}/{rest}"


def user_of(cast: People, name: str) -> User:
    user: User = getattr(cast, name).user
    return user


def test_the_administrator_is_led_to_the_people(ada: Client, cast: People) -> None:
    assert ada.get("/administration/").headers["Location"] == at(cast, "people/")
    page = ada.get(at(cast, "people/")).content.decode()
    assert all(name in page for name in ("Alice", "Bob", "Carol", "Dora", "Ada"))
    assert "Mallory" not in page


def test_who_administers_two_organisations_chooses_one(ada: Client, cast: People) -> None:
    Membership.objects.create(
        user=user_of(cast, "ada"), controller=cast.elsewhere, role=Role.ADMINISTRATOR
    )
    page = ada.get("/administration/").content.decode()
    assert cast.controller.name in page and cast.elsewhere.name in page


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dora", "mallory"])
@pytest.mark.parametrize("part", PARTS)
def test_nobody_else_opens_these_pages(
    signed_in: SignedIn, cast: People, name: str, part: str
) -> None:
    client = confirm(signed_in(getattr(cast, name)), getattr(cast, name))
    assert client.get(at(cast, f"{part}/")).status_code == 404
    assert client.post(at(cast, f"{part}/"), POLICY).status_code in {404, 405}
    assert policy_of(cast.controller.pk).number == 0


def test_nothing_is_changed_before_the_password_is_entered_again(
    signed_in: SignedIn, cast: People
) -> None:
    ada = signed_in(cast.ada)
    bob = user_of(cast, "bob")
    (membership,) = Membership.objects.filter(user=bob)
    for address, body in {
        at(cast, "people/"): {"email": "e@x.example", "name": "E", "roles": ["dpo"]},
        at(cast, f"people/{bob.pk}/role/"): {"role": "auditor"},
        at(cast, f"people/{bob.pk}/remove/"): {},
        at(cast, f"people/{bob.pk}/reset/"): {},
        at(cast, f"roles/{membership.pk}/end/"): {},
        at(cast, "policy/"): POLICY,
        at(cast, "organisation/"): {"name": "X", "country": "DE", "time_zone": "UTC"},
    }.items():
        answer = ada.post(address, body)
        assert answer.headers["Location"].startswith("/account/confirm/"), address
    assert Membership.objects.filter(user=bob).count() == 1
    assert policy_of(cast.controller.pk).number == 0 and not mail.outbox


def test_somebody_is_invited(ada: Client, cast: People) -> None:
    body = {"email": "eve@riverland.example", "name": "Eve", "roles": ["dpo", "auditor"]}
    assert ada.post(at(cast, "people/"), body).status_code == 302
    roles = Membership.objects.filter(user__email="eve@riverland.example")
    assert set(roles.values_list("role", flat=True)) == {"dpo", "auditor"}
    assert mail.outbox[0].to == ["eve@riverland.example"]


@pytest.mark.parametrize(
    "wrong", [{"email": "nowhere"}, {"roles": []}, {"roles": ["emperor"]}, {"name": ""}]
)
def test_a_wrong_invitation_comes_back(ada: Client, cast: People, wrong: dict[str, Any]) -> None:
    body = {"email": "eve@riverland.example", "name": "Eve", "roles": ["dpo"]}
    assert ada.post(at(cast, "people/"), {**body, **wrong}).status_code == 422
    assert not mail.outbox


def test_a_role_is_given_and_taken_away(ada: Client, cast: People) -> None:
    bob = user_of(cast, "bob")
    ada.post(at(cast, f"people/{bob.pk}/role/"), {"role": "auditor"})
    assert Membership.objects.filter(user=bob, role="auditor").exists()
    for membership in Membership.objects.filter(user=bob):
        ada.post(at(cast, f"roles/{membership.pk}/end/"))
    assert not Membership.objects.filter(user=bob).exists()


def test_a_role_elsewhere_is_out_of_reach(ada: Client, cast: People) -> None:
    for membership in Membership.objects.filter(controller=cast.elsewhere):
        assert ada.post(at(cast, f"roles/{membership.pk}/end/")).status_code == 404
    mallory = user_of(cast, "mallory")
    for task in ("remove", "invite", "reset"):
        assert ada.post(at(cast, f"people/{mallory.pk}/{task}/")).status_code == 404
    assert ada.post(at(cast, f"people/{mallory.pk}/role/"), {"role": "dpo"}).status_code == 404


def test_the_administrator_neither_removes_nor_promotes_herself(ada: Client, cast: People) -> None:
    person("Ana", cast.controller, Role.ADMINISTRATOR)
    me = user_of(cast, "ada")
    assert ada.post(at(cast, f"people/{me.pk}/remove/")).status_code == 403
    assert ada.post(at(cast, f"people/{me.pk}/role/"), {"role": "dpo"}).status_code == 403


def test_a_person_is_removed(ada: Client, cast: People) -> None:
    ada.post(at(cast, f"people/{user_of(cast, 'dora').pk}/remove/"))
    assert "Dora" not in ada.get(at(cast, "people/")).content.decode()


def test_a_policy_that_names_what_no_ladder_has_any_more_says_so(ada: Client, cast: People) -> None:
    """Saving the form without a word would turn "only this" into "all"."""
    ControllerPolicy.objects.create(controller=cast.controller, number=1, ladder=["undo"])
    page = ada.get(at(cast, "policy/")).content.decode()
    assert "The policy names undo, which no ladder has any more; saving leaves it out." in page
    assert ada.post(at(cast, "policy/"), POLICY).status_code == 302
    assert "no ladder has any more" not in ada.get(at(cast, "policy/")).content.decode()


def test_a_policy_is_chosen_and_the_earlier_ones_are_shown(ada: Client, cast: People) -> None:
    assert ada.post(at(cast, "policy/"), POLICY).status_code == 302
    chosen = policy_of(cast.controller.pk)
    assert (chosen.profile, chosen.ladder, chosen.public_intake) == ("exact", ["retrain"], True)
    assert (chosen.batch_window_minutes, chosen.retention_months) == (60, 24)
    assert "retrain" in ada.get(at(cast, "policy/")).content.decode()
    wrong = ada.post(at(cast, "policy/"), {**POLICY, "retention_months": "0"})
    assert wrong.status_code == 422 and b"A whole number from 1 to 240." in wrong.content


def test_the_settings_are_changed(ada: Client, cast: People) -> None:
    body = {"name": "Clinics", "country": "US", "subdivision": "CA", "time_zone": "US/Pacific"}
    assert ada.post(at(cast, "organisation/"), body).status_code == 302
    cast.controller.refresh_from_db()
    assert (cast.controller.country, cast.controller.subdivision) == ("US", "CA")
    wrong = ada.post(at(cast, "organisation/"), {**body, "subdivision": "BY"})
    assert wrong.status_code == 422 and b"choose one of" in wrong.content


def test_the_administrator_ends_anybodys_token_here_and_nobodys_elsewhere(
    ada: Client, cast: People
) -> None:
    make = {"name": "jobs", "scopes": ["ticket.view"]}
    here, secret = token_create(actor=cast.carol, controller_id=cast.controller.pk, **make)
    there, other = token_create(actor=cast.mallory, controller_id=cast.elsewhere.pk, **make)
    assert "Carol" in ada.get(at(cast, "tokens/")).content.decode()
    ada.post(at(cast, f"tokens/{here.pk}/end/"))
    assert token_grant(secret) is None
    assert ada.post(at(cast, f"tokens/{there.pk}/end/")).status_code == 404
    assert token_grant(other) is not None


def test_these_pages_hold_no_script_and_no_style(ada: Client, cast: People) -> None:
    strange = '"><script>alert(1)</script>'
    person(strange, cast.controller, Role.AUDITOR)
    pages = [at(cast, f"{part}/") for part in PARTS]
    pages += ["/account/", "/account/tokens/new/", "/account/password/"]
    pages += ["/account/second-factor/", "/account/second-factor/set-up/"]
    for address in pages:
        answer = ada.get(address)
        assert answer.status_code == 200, address
        assert not INLINE.findall(answer.content.decode()), address
        assert "no-store" in answer.headers["Cache-Control"], address
    doors = ["/password/forgotten/", "/password/sent/", "/sign-in/no-account/", "/sign-in/closed/"]
    for address in doors:
        assert not INLINE.findall(Client().get(address).content.decode()), address


def test_no_address_on_these_pages_holds_a_name(ada: Client, cast: People) -> None:
    page = ada.get(at(cast, "people/")).content.decode()
    for link in re.findall(r'(?:href|action)="([^"]*)"', page):
        assert "riverland" not in link.lower() and "alice" not in link.lower()
