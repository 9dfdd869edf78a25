"""What can go wrong: the platform refused, or it could not be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx


class ExpungeError(Exception):
    """Something went wrong that a person can act on."""


class UnreachableError(ExpungeError):
    """The platform did not answer, also not after trying again."""


class ConfigurationError(ExpungeError):
    """The client does not know where the platform is, or has no token, or keeps it unsafely."""


class Problem(ExpungeError):  # noqa: N818 - the word of RFC 9457
    """The platform refused: problem details (RFC 9457).

    ``code`` is stable, ``detail`` says what to do, ``errors`` name the parts of a wrong input.
    """

    def __init__(self, body: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.status = int(body.get("status", 0))
        self.code = str(body.get("code", "unknown"))
        self.title = str(body.get("title", ""))
        self.detail = str(body.get("detail", ""))
        self.errors: Sequence[Mapping[str, str]] = body.get("errors") or ()
        self.retry_after = retry_after
        places = "".join(f"\n  {item['pointer']}: {item['detail']}" for item in self.errors)
        super().__init__(f"{self.detail} [{self.code}]{places}")


def problem_of(answer: httpx.Response) -> Problem:
    """Return the problem that an answer describes, also when a proxy in between wrote it."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or "code" not in body:
        phrase = HTTPStatus(answer.status_code).phrase if answer.status_code in _KNOWN else ""
        detail = f"The server answered {answer.status_code} {phrase}".strip() + "."
        body = {"status": answer.status_code, "code": "http_error", "detail": detail}
    wait = answer.headers.get("Retry-After", "")
    return Problem(body, float(wait) if wait.isdigit() else None)


_KNOWN = frozenset(int(status) for status in HTTPStatus)
