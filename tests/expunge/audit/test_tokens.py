"""A timestamp token is taken as it was given out, to the last bit of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from expunge.audit.keys import trust_roots
from expunge.audit.timestamps import timestamp
from expunge.audit.tokens import TokenError, read_roots, token_moment

STAMPED = b"a checkpoint"


@pytest.fixture
def token(settings: Any, tmp_path: Path) -> bytes:
    settings.EXPUNGE_SIGNING_DIR = tmp_path / "signing"
    return timestamp(STAMPED)


def test_a_token_says_when(token: bytes) -> None:
    moment = token_moment(token, STAMPED, read_roots(trust_roots()))
    assert abs(moment - datetime.now(UTC)) < timedelta(minutes=2)


def test_no_bit_of_it_can_be_turned(token: bytes) -> None:
    roots = read_roots(trust_roots())
    places = {*range(0, len(token), 11), *range(60), *range(len(token) - 860, len(token) - 700)}
    for place in sorted(places):
        changed = bytearray(token)
        changed[place] ^= 0x20 if place % 2 else 1 << place % 8  # the case of letters, too
        with pytest.raises(TokenError):
            token_moment(bytes(changed), STAMPED, roots)
