"""Reading values from addresses and forms; nonsense reads as nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from django.utils.dateparse import parse_date, parse_datetime


def optional_uuid(value: str | None) -> UUID | None:
    """Return the id in ``value``, or ``None`` when there is none."""
    try:
        return UUID(value) if value else None
    except ValueError:
        return None


def uuids(values: Iterable[str]) -> tuple[UUID, ...]:
    """Return the ids among the values, each once, in order."""
    found = (optional_uuid(value) for value in values)
    return tuple(dict.fromkeys(item for item in found if item is not None))


def optional_moment(value: str | None) -> datetime | None:
    """Return the moment in ``value`` (ISO 8601 with offset), or ``None``."""
    try:
        moment = parse_datetime(value) if value else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def optional_day(value: str | None) -> date | None:
    """Return the calendar day in ``value`` (ISO 8601), or ``None``."""
    try:
        return parse_date(value) if value else None
    except ValueError:
        return None
