"""Tokens by API: seen, renewed and ended, never made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.test import Client

from expunge.accounts.models import ApiToken
from expunge.common.clock import now
from tests.expunge.api.conftest import AsScript, Script
from tests.expunge.factories import People, leaves


def test_a_token_sees_itself_and_when_it_was_used(script: AsScript, cast: People) -> None:
    alice = script(cast.alice)
    current = alice.get("tokens/current").json()
    assert current["name"] == "a script" and "ticket.review" in current["scopes"]
    assert current["last_used_at"] and "secret" not in current
    assert [item["id"] for item in alice.get("tokens").json()["results"]] == [current["id"]]
    assert alice.get(f"tokens/{current['id']}").json()["id"] == current["id"]
    used = ApiToken.objects.get().last_used_at
    alice.get("tickets")
    assert ApiToken.objects.get().last_used_at == used  # at most once a minute
    ApiToken.objects.update(last_used_at=now() - timedelta(seconds=61))
    alice.get("tickets")
    assert ApiToken.objects.get().last_used_at > used  # type: ignore[operator]


def test_nobody_makes_a_token_with_a_token(script: AsScript, cast: People) -> None:
    assert script(cast.ada).post("tokens", {"name": "x"}).status_code == 405


def test_a_token_renews_itself_with_an_overlap(script: AsScript, cast: People) -> None:
    alice = script(cast.alice, "ticket.view")
    old = ApiToken.objects.get()
    made = alice.post("tokens/rotate", {"overlap_minutes": 5}, key="renew")
    assert made.status_code == 201
    new = made.json()
    assert new["scopes"] == ["ticket.view"] and new["name"] == old.name
    assert alice.post("tokens/rotate", {"overlap_minutes": 5}, key="renew").json() == new
    renewed = Script(new["secret"])
    assert renewed.get("tickets").status_code == alice.get("tickets").status_code == 200
    old.refresh_from_db()
    assert old.expires_at <= now() + timedelta(minutes=5)
    ApiToken.objects.filter(pk=old.pk).update(expires_at=now())
    assert alice.get("tickets").status_code == 401
    assert len(leaves("token.rotated")) == 1


def test_a_token_ends_itself(script: AsScript, cast: People) -> None:
    alice = script(cast.alice)
    path = f"tokens/{alice.get('tokens/current').json()['id']}"
    stale = alice.delete(path, headers={"If-Match": '"0"'})
    assert stale.status_code == 412
    assert alice.delete(path).status_code == 204
    assert alice.get("tickets").status_code == 401
    assert len(leaves("token.revoked")) == 1


def test_tokens_of_others_are_not_there(script: AsScript, cast: People) -> None:
    script(cast.alice)
    alices = ApiToken.objects.get()
    for who in (cast.bob, cast.mallory):
        assert script(who).get(f"tokens/{alices.pk}").status_code == 404
        assert script(who).delete(f"tokens/{alices.pk}").status_code == 404
    assert script(cast.ada).delete(f"tokens/{alices.pk}").status_code == 204


def test_a_secret_is_in_no_answer_but_the_first(script: AsScript, cast: People) -> None:
    alice = script(cast.alice)
    secret = alice.post("tokens/rotate", {}).json()["secret"]
    answers: list[Any] = [alice.get("tokens"), alice.get("tokens/current")]
    assert all(secret not in answer.content.decode() for answer in answers)
    assert Client(headers={"Authorization": f"Bearer {secret}"}).get("/api/v1/tokens").json()
