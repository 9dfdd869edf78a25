"""Letters that can be read, and tickets that wait for their person."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from expunge.notices.models import Notice
from expunge.tickets.models import Ticket
from tests.expunge.conftest import FileTicket

CODE = re.compile(r"\b[2-9A-HJKMNP-TV-Z]{5}-[2-9A-HJKMNP-TV-Z]{5}\b")
LINK = re.compile(r"https?://[^/\s]+(/request/[A-Za-z0-9_-]+/)")


def latest_letter(kind: str) -> str:
    """Return the text of the letter of a kind that was written last."""
    return str(Notice.objects.filter(kind=kind).order_by("created_at").last().body)  # type: ignore[union-attr]


def mailed_code() -> str:
    return str(CODE.findall(latest_letter("identity_request"))[-1])


def mailed_link(kind: str = "acknowledgement") -> str:
    (path, *_) = LINK.findall(latest_letter(kind))
    return str(path)


@pytest.fixture
def unshown(file_ticket: FileTicket) -> Callable[..., Ticket]:
    """File a ticket whose person has not shown who they are."""

    def file(**given: Any) -> Ticket:
        return file_ticket(**{"identity_confirmed": False, **given})

    return file
