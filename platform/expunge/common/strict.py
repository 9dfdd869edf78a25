"""Reading JSON and base64 that somebody may have tampered with: one text, one meaning.

Two readers of the same bytes must never see two things. So a name that stands twice is refused,
as are numbers that are none (NaN), and base64 that another text decodes to the same bytes as.
Pure: no Django.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection
from typing import Any


def strict_json(data: bytes | str) -> Any:
    """Return what JSON in UTF-8 says; raises ``ValueError``."""
    text = data.decode("utf-8") if isinstance(data, bytes) else data
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error


def strict_object(data: bytes | str, known: Collection[str]) -> dict[str, Any]:
    """Return a JSON object that has no other names than the known ones; raises ``ValueError``."""
    found = strict_json(data)
    if not isinstance(found, dict):
        raise ValueError("the JSON is no object")  # noqa: TRY004 - of what is read, not of a call
    if unknown := found.keys() - set(known):
        raise ValueError(f"the JSON has names that mean nothing: {', '.join(sorted(unknown))}")
    return found


def strict_base64(text: Any) -> bytes:
    """Return the bytes of base64 written in its one proper way; raises ``ValueError``."""
    if not isinstance(text, str):
        raise ValueError("base64 is a text")  # noqa: TRY004 - as above
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("the text is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise ValueError("the base64 is not written in its proper way")
    return data


def strict_number(value: Any) -> int:
    """Return a whole number from zero on that JSON wrote as one; raises ``ValueError``."""
    if type(value) is not int or value < 0:
        raise ValueError("a whole number is missing")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("the JSON says a name twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")
