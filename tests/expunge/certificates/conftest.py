"""One certificate, issued once for the tests that only look at it."""

from __future__ import annotations

from uuid import UUID

import pytest

from expunge.accounts.permissions import Actor

CONTROLLER, TICKET = UUID(int=7), UUID(int=70)


@pytest.fixture
def worker() -> Actor:
    return Actor(system="worker")
