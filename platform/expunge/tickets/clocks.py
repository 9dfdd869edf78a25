"""Statutory deadlines as pure functions of dates.

Regulation (EEC, Euratom) 1182/71 Art. 3: the day of receipt is not counted; a period of months
ends with the day of the same number, or with the last day of a month that has none; an end on
a Saturday, a Sunday or a public holiday moves to the next working day.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import holidays
from dateutil.relativedelta import relativedelta

from expunge.tickets.law import ClockRule

SATURDAY = 5


@dataclass(frozen=True)
class Deadline:
    """A deadline with the rule and the inputs that gave it: what a ticket stores.

    Dates are ISO 8601 calendar days in the controller's time zone. ``first_due`` is the end of
    the first period; an extension must be told to the person by then. ``nominal`` is the end
    before weekends and holidays. ``extension`` is ``None`` or says when and why.
    """

    rule: str
    citation: str
    country: str
    subdivision: str
    time_zone: str
    received_on: str
    nominal: str
    first_due: str
    due: str
    acknowledge_by: str | None = None
    extension: dict[str, str] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the deadline as JSON-like data."""
        return asdict(self)


@dataclass(frozen=True)
class Establishment:
    """Where the controller is established: whose holidays and whose days count."""

    country: str
    subdivision: str
    time_zone: str


def deadline(rule: ClockRule, received_on: date, place: Establishment) -> Deadline:
    """Return the deadline of a request that was received on a calendar day."""
    nominal = period_end(received_on, months=rule.months, days=rule.days)
    due = _roll(rule, nominal, place)
    acknowledge = (
        working_days_after(received_on, rule.acknowledge_days, holidays_of(place))
        if rule.acknowledge_days
        else None
    )
    return Deadline(
        rule=rule.id,
        citation=rule.citation,
        country=place.country,
        subdivision=place.subdivision,
        time_zone=place.time_zone,
        received_on=received_on.isoformat(),
        nominal=nominal.isoformat(),
        first_due=due.isoformat(),
        due=due.isoformat(),
        acknowledge_by=acknowledge.isoformat() if acknowledge else None,
    )


def extended(stored: Deadline, rule: ClockRule, *, on: date, reason: str) -> Deadline:
    """Return the deadline after an extension told to the person on the day ``on``.

    The longer period runs from receipt again, and its end is moved once.
    """
    received_on = date.fromisoformat(stored.received_on)
    place = Establishment(stored.country, stored.subdivision, stored.time_zone)
    nominal = period_end(received_on, months=rule.extended_months, days=rule.extended_days)
    return replace(
        stored,
        nominal=nominal.isoformat(),
        due=_roll(rule, nominal, place).isoformat(),
        extension={"on": on.isoformat(), "reason": reason, "citation": rule.extension_citation},
    )


def period_end(received_on: date, *, months: int = 0, days: int = 0) -> date:
    """Return the last day of a period, before weekends and holidays are looked at."""
    return received_on + relativedelta(months=months) + timedelta(days=days)


def next_working_day(day: date, closed: Container[date]) -> date:
    """Return ``day``, or the first day after it that is neither weekend nor holiday."""
    while day.weekday() >= SATURDAY or day in closed:
        day += timedelta(days=1)
    return day


def working_days_after(day: date, count: int, closed: Container[date]) -> date:
    """Return the ``count``-th working day after ``day``."""
    for _ in range(count):
        day = next_working_day(day + timedelta(days=1), closed)
    return day


@lru_cache(maxsize=64)
def holidays_of(place: Establishment) -> Container[date]:
    """Return the public holidays of an establishment; raises ``NotImplementedError`` if unknown."""
    return holidays.country_holidays(place.country, subdiv=place.subdivision or None)


def _roll(rule: ClockRule, day: date, place: Establishment) -> date:
    return next_working_day(day, holidays_of(place)) if rule.rolls else day
