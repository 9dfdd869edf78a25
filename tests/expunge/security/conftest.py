"""No counts of earlier tests, and room for as many calls as a walk makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def _room_for_many_calls(settings: Any) -> Iterator[None]:
    settings.EXPUNGE_API_CALLS = settings.EXPUNGE_API_STRANGER_CALLS = 1_000_000
    cache.clear()
    yield
    cache.clear()
