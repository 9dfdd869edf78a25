"""The directory of the Data Rights Protocol by API."""

from __future__ import annotations

import base64

import pytest
from nacl.signing import SigningKey

from expunge.protocols.models import Agent
from tests.expunge.api.conftest import AsScript
from tests.expunge.factories import People

AGENT = {
    "agent_id": "PRIVACY_AGENT",
    "name": "Privacy Agent",
    "verify_key": base64.b64encode(bytes(SigningKey(b"a" * 32).verify_key)).decode(),
}


def test_an_administrator_adds_lists_and_removes_agents(script: AsScript, cast: People) -> None:
    ada = script(cast.ada)
    made = ada.post("agents", AGENT)
    assert made.status_code == 201 and made.json()["attests"] is False
    assert [item["agent_id"] for item in ada.get("agents").json()["results"]] == ["PRIVACY_AGENT"]
    assert ada.delete(f"agents/{made.json()['id']}").status_code == 204
    assert not Agent.objects.get().enabled
    assert ada.get("business").json() == {"business_id": ""}


@pytest.mark.parametrize("who", ["alice", "bob", "carol", "dora", "mallory"])
def test_nobody_else_does(script: AsScript, cast: People, who: str) -> None:
    ada = script(cast.ada)
    made = ada.post("agents", AGENT).json()
    other = script(getattr(cast, who))
    assert other.delete(f"agents/{made['id']}").status_code in {403, 404}
    if who != "mallory":
        assert other.post("agents", AGENT).status_code == 403
    assert Agent.objects.filter(enabled=True, controller=cast.controller).count() == 1
