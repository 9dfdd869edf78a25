"""A browser without a window: somebody signed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client

from expunge.accounts.permissions import Actor
from tests.expunge.factories import People
from tests.expunge.tour import Tour, tour

SignedIn = Callable[[Actor], Client]


@pytest.fixture
def signed_in() -> SignedIn:
    """Return a client in which somebody is signed in."""

    def sign_in(actor: Actor) -> Client:
        client = Client()
        assert actor.user is not None
        client.force_login(actor.user)
        return client

    return sign_in


@pytest.fixture
def grand_tour(cast: People, tmp_path: Path) -> Tour:
    """Fill the organisation with tickets in every state."""
    return tour(cast, tmp_path)


@pytest.fixture(autouse=True)
def _no_failures_remembered() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()
