"""The one place that asks what time it is."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils import timezone


def now() -> datetime:
    """Return the current time, in UTC."""
    return timezone.now()


def local_date(moment: datetime, zone: str) -> date:
    """Return the calendar day of ``moment`` in the named time zone."""
    return moment.astimezone(ZoneInfo(zone)).date()
