"""People and the organisation's own settings by API: for its administrators alone."""

from __future__ import annotations

import pytest
from django.core import mail

from expunge.accounts.models import Membership
from tests.expunge.api.conftest import AsScript
from tests.expunge.factories import People, leaves

INVITED = {"email": "frida@riverland.example", "name": "Frida", "roles": ["auditor"]}


def test_an_administrator_brings_somebody_in(script: AsScript, cast: People) -> None:
    ada = script(cast.ada)
    made = ada.post("people", INVITED)
    assert made.status_code == 201 and made.json()["roles"] == ["auditor"]
    path = f"people/{made.json()['id']}"
    assert [letter.to for letter in mail.outbox] == [["frida@riverland.example"]]
    assert ada.post(f"{path}/roles", {"role": "dpo"}).json()["roles"] == ["auditor", "dpo"]
    assert ada.delete(f"{path}/roles/auditor").status_code == 204
    assert ada.delete(f"{path}/roles/auditor").status_code == 404
    read = ada.get(path)
    assert read.json()["roles"] == ["dpo"]
    assert ada.delete(path, headers={"If-Match": read.headers["ETag"]}).status_code == 204
    assert ada.get(path).status_code == 404
    for action in ("user.invited", "membership.granted", "membership.revoked", "user.removed"):
        assert leaves(action), action


def test_people_are_listed_with_their_roles(
    script: AsScript, cast: People, django_assert_max_num_queries: object
) -> None:
    ada = script(cast.ada)
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        listed = ada.get("people").json()["results"]
    assert [item["name"] for item in listed] == ["Ada", "Alice", "Bob", "Carol", "Dora"]
    assert listed[1]["roles"] == ["dpo"] and listed[1]["email"].endswith("@riverland.example")


def test_nobody_gives_themselves_a_role(script: AsScript, cast: People) -> None:
    assert cast.ada.user is not None
    answer = script(cast.ada).post(f"people/{cast.ada.user.pk}/roles", {"role": "dpo"})
    assert answer.status_code == 403 and answer.json()["code"] == "own_role"


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dora"])
def test_only_administrators_administer(script: AsScript, cast: People, name: str) -> None:
    somebody, ada = script(getattr(cast, name)), cast.ada.user
    assert ada is not None
    for path in ("people", f"people/{ada.pk}", "organisation", "organisation/policy"):
        assert somebody.get(path).status_code == 403, path
    assert somebody.post("people", INVITED).status_code == 403
    assert somebody.delete(f"people/{ada.pk}").status_code == 403
    assert somebody.patch("organisation", {"name": "Mine"}).status_code == 403
    assert somebody.patch("organisation/policy", {"public_intake": True}).status_code == 403


def test_mallory_reaches_nobody(script: AsScript, cast: People) -> None:
    mallory, alice = script(cast.mallory), cast.alice.user
    assert alice is not None
    assert mallory.get(f"people/{alice.pk}").status_code == 404
    assert mallory.delete(f"people/{alice.pk}").status_code == 404
    assert mallory.post(f"people/{alice.pk}/roles", {"role": "dpo"}).status_code == 404
    assert mallory.delete(f"people/{alice.pk}/roles/dpo").status_code == 404
    assert Membership.objects.filter(user=alice).count() == 1


def test_the_organisation_is_changed_where_it_was_read(script: AsScript, cast: People) -> None:
    ada = script(cast.ada)
    read = ada.get("organisation")
    assert read.json()["country"] == "DE"
    when = {"If-Match": read.headers["ETag"]}
    changed = ada.patch("organisation", {"subdivision": "BY"}, headers=when)
    assert changed.json()["subdivision"] == "BY" and changed.json()["name"] == read.json()["name"]
    assert ada.patch("organisation", {"subdivision": "BE"}, headers=when).status_code == 412
    wrong = ada.patch("organisation", {"country": "XX"})
    assert wrong.status_code == 422 and wrong.json()["code"] == "country_unknown"
    assert len(leaves("controller.changed")) == 1


def test_a_policy_is_chosen_with_its_history(script: AsScript, cast: People) -> None:
    ada = script(cast.ada)
    assert ada.get("organisation/policy").json()["number"] == 0
    chosen = ada.patch("organisation/policy", {"retention_months": 24})
    assert chosen.json()["number"] == 1 and chosen.json()["retention_months"] == 24
    too_long = ada.patch("organisation/policy", {"retention_months": 10_000})
    assert too_long.status_code == 422 and too_long.json()["field"] == "retention_months"
    assert [item["number"] for item in ada.get("organisation/policies").json()["results"]] == [1]
