"""JSON as the schema says it: a number is no text, a text no number, and an id has one spelling.

DRF's fields take ``0`` for ``"0"`` and ``"yes"`` for ``true``, for they serve forms too, and it
passes over names that it does not know. Here a body is checked against its fields, and a query
against its names, so that a mistake is told and not guessed: a filter with a slip in its name must
not find more than was meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
TEXTS = (
    serializers.CharField,
    serializers.ChoiceField,
    serializers.DateField,
    serializers.DateTimeField,
)


def check_names(known: Iterable[str], given: Iterable[str]) -> None:
    """Raise DRF's ``ValidationError`` for names that are not among those known."""
    wrong = dict(_unknown(list(known), given))
    if wrong:
        raise serializers.ValidationError(wrong)


def check_kinds(serializer: serializers.Serializer[Any], body: Any) -> None:
    """Raise DRF's ``ValidationError`` for parts of a body that are other than said, or unknown."""
    if isinstance(body, Mapping):
        wrong = dict(_wrong(serializer, body))
        if wrong:
            raise serializers.ValidationError(wrong)


def _wrong(
    serializer: serializers.Serializer[Any], body: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    yield from _unknown(list(serializer.fields), body)
    for name, field in serializer.fields.items():
        if name in body and not field.read_only:
            said = _complaint(field, body[name])
            if said:
                yield name, said


def _unknown(known: list[str], given: Iterable[str]) -> Iterator[tuple[str, Any]]:
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, 1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            yield name, [ErrorDetail(f"Nothing here has this name.{hint}", code="unknown")]


def _complaint(field: Any, value: Any) -> Any:
    """Return what is wrong with a value, or nothing."""
    if value is None:
        return None  # whether it may be null is the field's own affair
    if isinstance(field, serializers.BaseSerializer):
        return _inner(field, value)
    if isinstance(field, serializers.ListField):
        return _each(field.child, value)
    return None if _fits(field, value) else [_error(field)]


def _inner(field: Any, value: Any) -> Any:
    if isinstance(field, serializers.ListSerializer):
        return _each(field.child, value)
    return dict(_wrong(field, value)) if isinstance(value, Mapping) else None


def _each(child: Any, values: Any) -> Any:
    found = [_complaint(child, value) for value in values] if isinstance(values, list) else []
    return next((said for said in found if said), None)


def _fits(field: Any, value: Any) -> bool:
    if isinstance(field, serializers.UUIDField):
        return isinstance(value, str) and UUID.fullmatch(value) is not None
    if isinstance(field, serializers.BooleanField):
        return isinstance(value, bool)
    if isinstance(field, serializers.MultipleChoiceField):
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if isinstance(field, serializers.IntegerField):
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str) if isinstance(field, TEXTS) else True


def _error(field: Any) -> ErrorDetail:
    kind = type(field).__name__.removesuffix("Field").lower()
    return ErrorDetail(f"This is not of the kind '{kind}'.", code="invalid")
