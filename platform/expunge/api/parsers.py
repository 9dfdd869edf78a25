"""JSON bodies with a bound on size and depth, both checked before anything looks inside."""

from __future__ import annotations

import io
from collections.abc import Mapping
from http import HTTPStatus
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser

DEEPEST = 32


class TooLargeError(APIException):
    """A body larger than the API reads."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = "The body is too large. Send less at once."


class BoundedJSONParser(JSONParser):
    """Reads at most ``EXPUNGE_JSON_BYTES``, nested at most :data:`DEEPEST` levels."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the parsed body; raises ``TooLargeError`` or DRF's ``ParseError``."""
        body = stream.read(settings.EXPUNGE_JSON_BYTES + 1)
        if len(body) > settings.EXPUNGE_JSON_BYTES:
            raise TooLargeError
        try:
            parsed = super().parse(io.BytesIO(body), media_type, dict(parser_context or {}))
        except RecursionError as error:
            raise ParseError(f"The body is nested deeper than {DEEPEST} levels.") from error
        if _deeper_than(parsed, DEEPEST):
            raise ParseError(f"The body is nested deeper than {DEEPEST} levels.")
        return parsed


def _deeper_than(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most + 1):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True
