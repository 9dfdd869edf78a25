"""A browser without a window: somebody signed in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from expunge.accounts.permissions import Actor
from tests.expunge.audited import AuditedClient
from tests.expunge.factories import People
from tests.expunge.tour import Tour, tour

DOORS = r"/(sign-in|account/confirm)/"


class AuditedBrowser(AuditedClient):
    """Holds every form about a ticket, a hold, a person ... to its audit leaf.

    A form that was carried out leads somewhere else, but not to the door.
    """

    only = re.compile(
        r"/(tickets/[0-9a-f-]{36}|jobs|holds|exemptions|alerts|intake|certificates|correspondence|"
        r"recipients|webhooks|agents|administration|account/tokens)/"
    )

    reads = re.compile(r"/intake/[^/]+/ticket/$")
    """It begins a draft, which is the person's own until it is filed."""

    def changed(self, answer: Any) -> bool:
        """Say whether an answer leads on, and not with a complaint."""
        if answer.status_code != 302 or re.match(DOORS, answer.headers["Location"]):
            return False
        said = answer.wsgi_request._messages._queued_messages
        return all(message.level_tag != "error" for message in said)


SignedIn = Callable[[Actor], Client]


@pytest.fixture
def signed_in() -> SignedIn:
    """Return a client in which somebody is signed in."""

    def sign_in(actor: Actor) -> Client:
        client = AuditedBrowser()
        assert actor.user is not None
        client.force_login(actor.user)
        return client

    return sign_in


@pytest.fixture
def grand_tour(cast: People, tmp_path: Path) -> Tour:
    """Fill the organisation with tickets in every state."""
    return tour(cast, tmp_path)
