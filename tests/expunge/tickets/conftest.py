"""A legal hold for the tests of tickets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from expunge.tickets import holds
from expunge.tickets.models import LegalHold
from tests.expunge.factories import People

Place = Callable[..., LegalHold]


@pytest.fixture
def place(cast: People) -> Place:
    """Alice places a hold."""

    def place_hold(kind: str, target: Any, **given: Any) -> LegalHold:
        defaults: dict[str, Any] = {
            "actor": cast.alice,
            "controller_id": cast.controller.pk,
            "reason": "litigation",
            "authority": "Court of Riverland, 4 O 12/26, Mustermann",
        }
        return holds.hold_place(kind=kind, target_id=target.pk, **{**defaults, **given})

    return place_hold
