"""The page of the agents of the Data Rights Protocol."""

from __future__ import annotations

import base64

import pytest
from nacl.signing import SigningKey

from expunge.protocols.models import Agent, Business
from tests.expunge.factories import People, leaves
from tests.expunge.web.confirmed import confirm
from tests.expunge.web.conftest import SignedIn

KEY = base64.b64encode(bytes(SigningKey(b"a" * 32).verify_key)).decode()
FORM = {"agent_id": "PRIVACY_AGENT", "name": "Privacy Agent", "verify_key": KEY, "attests": "on"}


def test_an_administrator_keeps_the_directory(cast: People, signed_in: SignedIn) -> None:
    ada = confirm(signed_in(cast.ada), cast.ada)
    here = f"/administration/{cast.controller.pk}/agents/"
    assert ada.post(f"{here}business/", {"business_id": "RIVERLAND"}).status_code == 302
    assert ada.post(here, FORM).status_code == 302
    shown = ada.get(here).content.decode()
    assert "Privacy Agent" in shown and "RIVERLAND" in shown
    agent = Agent.objects.get()
    assert agent.attests
    assert ada.post(f"/agents/{agent.pk}/remove/").status_code == 302
    agent.refresh_from_db()
    assert not agent.enabled
    for action in ("business.named", "agent.added", "agent.removed"):
        assert leaves(action), action


def test_a_wrong_key_comes_back_with_a_word_on_it(cast: People, signed_in: SignedIn) -> None:
    ada = confirm(signed_in(cast.ada), cast.ada)
    here = f"/administration/{cast.controller.pk}/agents/"
    answer = ada.post(here, {**FORM, "verify_key": "no key"})
    assert answer.status_code == 422
    assert "32 bytes in base64" in answer.content.decode()
    assert not Agent.objects.exists()


@pytest.mark.parametrize("who", ["alice", "bob", "carol", "dora", "mallory"])
def test_nobody_else_opens_it(cast: People, signed_in: SignedIn, who: str) -> None:
    actor = getattr(cast, who)
    client = confirm(signed_in(actor), actor)
    here = f"/administration/{cast.controller.pk}/agents/"
    assert client.get(here).status_code == 404
    assert client.post(here, FORM).status_code in {403, 404}
    assert client.post(f"{here}business/", {"business_id": "X"}).status_code in {403, 404}
    assert not Agent.objects.exists() and not Business.objects.exists()
