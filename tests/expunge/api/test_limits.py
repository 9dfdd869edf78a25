"""How often one may call, and how a caller learns it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.expunge.api.conftest import AsScript
from tests.expunge.factories import People


def test_every_answer_says_what_is_left(script: AsScript, cast: People) -> None:
    alice = script(cast.alice)
    first, second = alice.get("tickets"), alice.get("tickets")
    assert first.headers["RateLimit-Policy"] == '"token";q=600;w=60'
    assert first.headers["RateLimit"].startswith('"token";r=599;t=')
    assert second.headers["RateLimit"].startswith('"token";r=598;t=')


def test_each_token_has_a_quota_of_its_own(script: AsScript, cast: People, settings: Any) -> None:
    settings.EXPUNGE_API_CALLS = 2
    alice, bob = script(cast.alice), script(cast.bob)
    assert [alice.get("tickets").status_code for _ in range(3)] == [200, 200, 429]
    assert bob.get("tickets").status_code == 200
    refused = alice.get("tickets")
    assert '"token";r=0' in refused.headers["RateLimit"]
    assert 0 < int(refused.headers["Retry-After"]) <= 60


@pytest.mark.django_db
def test_strangers_are_counted_by_address(script: AsScript, cast: People, settings: Any) -> None:
    settings.EXPUNGE_API_STRANGER_CALLS = 2
    stranger = Client(headers={"Authorization": "Bearer guess"})
    sent = [stranger.get("/api/v1/tickets").status_code for _ in range(3)]
    assert sent == [401, 401, 429]
    assert Client().get("/api/v1/tickets").status_code == 429
    other = Client(REMOTE_ADDR="198.51.100.7")
    assert other.get("/api/v1/tickets").status_code == 401
    # Who has a good token is not held up by strangers behind the same address.
    assert script(cast.alice).get("tickets").status_code == 200


def test_a_body_that_is_too_large_is_a_problem(
    script: AsScript, cast: People, settings: Any
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = script(cast.carol).post("models", {"name": "x", "description": "y" * 2000})
    assert answer.status_code == 413 and answer.json()["code"] == "body_too_large"


def test_a_token_without_the_scope_is_refused_before_anything_is_looked_up(
    script: AsScript, cast: People
) -> None:
    reader = script(cast.carol, "ticket.view")
    answer = reader.get("models")
    assert answer.status_code == 403 and "registry.view" in answer.json()["detail"]
