"""A script with a token."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from expunge.accounts.permissions import Actor, Permission
from expunge.accounts.services import token_create
from tests.expunge.audited import AuditedClient
from tests.expunge.factories import People
from tests.expunge.tour import Tour, tour


class AuditedScript(AuditedClient):
    """Holds every call that changes something to its audit leaf."""

    reads = re.compile(r"/api/v1/(tickets/search|scopes/counts|datasets/[^/]+/search)$")

    def changed(self, answer: Any) -> bool:
        """Say whether the call was carried out, and not answered again or found done before."""
        if not super().changed(answer) or "Idempotent-Replayed" in answer.headers:
            return False
        path = answer.wsgi_request.path
        if path == "/api/v1/tickets/bulk":
            return bool(answer.json()["done"])
        known_already = path == "/api/v1/model-versions" and answer.status_code == 200
        return not known_already


class Script:
    """Calls the API as somebody, with a token that has all of their rights or only some."""

    def __init__(self, secret: str) -> None:
        self._client = AuditedScript(headers={"Authorization": f"Bearer {secret}"})

    def get(self, path: str, headers: Mapping[str, str] | None = None, **query: Any) -> Any:
        return self._client.get(f"/api/v1/{path}", query, headers=headers)

    def post(
        self,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        sent = {**(headers or {}), **({} if key is None else {"Idempotency-Key": key})}
        return self._client.post(
            f"/api/v1/{path}", body or {}, content_type="application/json", headers=sent
        )

    def patch(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
        return self._client.patch(
            f"/api/v1/{path}", body, content_type="application/json", headers=headers
        )

    def delete(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
        return self._client.delete(f"/api/v1/{path}", headers=headers)


AsScript = Callable[..., Script]


@pytest.fixture
def script(cast: People) -> AsScript:
    """Return the API as seen by somebody."""

    def make(actor: Actor, *scopes: str) -> Script:
        here = cast.elsewhere if actor is cast.mallory else cast.controller
        wanted = scopes or [item for item in Permission if actor.may(item, here.pk)]
        _, secret = token_create(actor=actor, controller_id=here.pk, name="a script", scopes=wanted)
        return Script(secret)

    return make


@pytest.fixture
def grand_tour(cast: People, tmp_path: Path) -> Tour:
    """Fill the organisation with tickets in every state."""
    return tour(cast, tmp_path)
