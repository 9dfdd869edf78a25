"""Conditional requests (RFC 9110, section 13): ETag, If-None-Match, If-Match.

The tag is a digest of the representation as this caller sees it, so it changes when anything
that they see changes.
"""

from __future__ import annotations

from hashlib import sha256
from http import HTTPStatus
from typing import Any

from django.db import connection
from django.utils.http import parse_etags
from django.utils.translation import gettext_noop

from expunge.common.crypto import keyed_digest
from expunge.common.errors import DomainError, InvalidInputError

TAG_CHARACTERS = 32


class StaleError(DomainError):
    """The thing changed since the caller read it."""

    status = HTTPStatus.PRECONDITION_FAILED
    title = gettext_noop("It changed meanwhile")


def etag_of(body: bytes) -> str:
    """Return the strong tag of a rendered representation."""
    return f'"{sha256(body).hexdigest()[:TAG_CHARACTERS]}"'


def is_known(etag: str, if_none_match: str) -> bool:
    """Say whether the caller has this representation already."""
    tags = [tag.removeprefix("W/") for tag in parse_etags(if_none_match)]
    return "*" in tags or etag in tags


def match_or_refuse(etag: str, if_match: str) -> None:
    """Raise ``precondition_failed`` unless the caller saw this representation."""
    tags = parse_etags(if_match)
    if "*" not in tags and etag not in tags:
        raise StaleError(
            "precondition_failed", "This changed since you read it. Read it again, then decide."
        )


def nothing_to_match() -> DomainError:
    """Return the refusal of If-Match where one address stands for no single thing."""
    return InvalidInputError(
        "if_match_unsupported",
        "If-Match needs a single thing to compare with; this address has none.",
        field="If-Match",
    )


def change_lock(*names: Any) -> None:
    """Let one change at a time through that asks for a state, until its transaction ends."""
    whole = " ".join(str(name) for name in names).encode()
    number = int.from_bytes(keyed_digest(whole, context="api.change")[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
