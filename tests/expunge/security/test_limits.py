"""What a request may be: how large, how deep, for which host; and what an answer tells browsers."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client, RequestFactory

from expunge.accounts.selectors import scopes_grantable
from expunge.accounts.services import token_create
from tests.expunge.factories import People


@pytest.fixture
def carol(cast: People) -> Client:
    _, secret = token_create(
        actor=cast.carol,
        controller_id=cast.controller.pk,
        name="x",
        scopes=scopes_grantable(cast.carol, cast.controller.pk),
    )
    return Client(headers={"Authorization": f"Bearer {secret}"})


def post(client: Client, body: str) -> Any:
    return client.post("/api/v1/tickets", body, content_type="application/json")


def test_a_body_that_says_it_is_huge_is_not_read(client: Client, carol: Client) -> None:
    length = {"CONTENT_LENGTH": str(settings.EXPUNGE_BODY_BYTES + 1)}
    page = client.generic("POST", "/sign-in/", b"x", **length)
    assert page.status_code == 413 and b"Too large" in page.content
    answer = carol.generic("POST", "/api/v1/tickets", b"{}", "application/json", **length)
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "too_large"


def test_a_form_holds_a_megabyte(client: Client, db: None) -> None:
    body = {"login": "x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)}
    answer = client.post("/sign-in/", "login=" + body["login"], "application/x-www-form-urlencoded")
    assert answer.status_code in {400, 413}


def test_json_is_bounded_in_size(carol: Client, settings: Any) -> None:
    settings.EXPUNGE_JSON_BYTES = 1000
    answer = post(carol, '{"regime": "' + "x" * 1000 + '"}')
    assert answer.status_code == 413
    assert answer.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize("depth", [33, 1000, 100_000])
def test_json_is_bounded_in_depth(carol: Client, depth: int) -> None:
    answer = post(carol, '{"nodes": ' + "[" * depth + "]" * depth + "}")
    assert answer.status_code == 400 and answer.json()["code"] == "parse_error"


def test_json_of_ordinary_depth_is_read(carol: Client) -> None:
    assert post(carol, '{"nodes": ' + "[" * 30 + "]" * 30 + "}").status_code == 422


@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", "a b"])
def test_another_host_is_refused(client: Client, db: None, host: str) -> None:
    assert client.get("/sign-in/", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("address", ["/sign-in/", "/nowhere/", "/api/v1/tickets", "/"])
def test_every_answer_carries_the_headers(client: Client, db: None, address: str) -> None:
    headers = client.get(address).headers
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "no-store" in headers["Cache-Control"]
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "script-src 'self';" in policy + ";" and "object-src" not in policy


def test_the_address_of_a_caller_is_what_our_proxy_saw(settings: Any) -> None:
    from expunge.common.address import client_address  # noqa: PLC0415 - beside its only use

    request = RequestFactory().get("/", headers={"X-Forwarded-For": "1.2.3.4, 203.0.113.9"})
    assert client_address(request) == "127.0.0.1"
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert client_address(request) == "203.0.113.9"
