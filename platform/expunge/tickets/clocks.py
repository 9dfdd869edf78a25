"""Statutory deadlines as pure functions of dates.

Regulation (EEC, Euratom) 1182/71 Art. 3: the day of receipt is not counted; a period of months
ends with the day of the same number, or with the last day of a month that has none; an end on
a Saturday, a Sunday or a public holiday moves to the next working day.

Where the law lets a clock stand still, the nominal end moves by the days it stood; weekends and
holidays are looked at once, at the very end.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import holidays
from dateutil.relativedelta import relativedelta

from expunge.tickets.law import ClockRule, PauseRule

SATURDAY = 5
RECEIPT = "receipt"


@dataclass(frozen=True)
class Deadline:
    """A deadline with the rule and the inputs that gave it: what a ticket stores.

    Dates are ISO 8601 calendar days in the controller's time zone. ``first_due`` is the end of
    the first period; an extension must be told to the person by then. ``nominal`` is the end
    before weekends and holidays. ``extension`` is ``None`` or says when and why. ``pauses`` say
    from and to when the clock stood still, why and by which rule; ``to`` is ``None`` as long as
    it does. ``counted_from`` says what happened on ``received_on``: the receipt, or the finding
    that reopened the ticket.
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
    pauses: Sequence[dict[str, str | None]] = ()
    counted_from: str = RECEIPT

    @property
    def paused_since(self) -> date | None:
        """Return the day on which the clock stopped, while it stands still."""
        if self.pauses and self.pauses[-1]["to"] is None:
            return date.fromisoformat(str(self.pauses[-1]["from"]))
        return None

    def to_json(self) -> dict[str, Any]:
        """Return the deadline as JSON-like data."""
        return {**asdict(self), "pauses": [dict(pause) for pause in self.pauses]}


@dataclass(frozen=True)
class Establishment:
    """Where the controller is established: whose holidays and whose days count."""

    country: str
    subdivision: str
    time_zone: str


def deadline(
    rule: ClockRule, received_on: date, place: Establishment, counted_from: str = RECEIPT
) -> Deadline:
    """Return the deadline of a request that was received on a calendar day."""
    acknowledge = (
        working_days_after(received_on, rule.acknowledge_days, holidays_of(place))
        if rule.acknowledge_days and counted_from == RECEIPT
        else None
    )
    start = Deadline(
        rule=rule.id,
        citation=rule.citation,
        country=place.country,
        subdivision=place.subdivision,
        time_zone=place.time_zone,
        received_on=received_on.isoformat(),
        nominal="",
        first_due="",
        due="",
        acknowledge_by=acknowledge.isoformat() if acknowledge else None,
        counted_from=counted_from,
    )
    return _counted(start, rule)


def extended(stored: Deadline, rule: ClockRule, *, on: date, reason: str) -> Deadline:
    """Return the deadline after an extension told to the person on the day ``on``.

    The longer period runs from receipt again, and its end is moved once.
    """
    said = {"on": on.isoformat(), "reason": reason, "citation": rule.extension.citation}
    return _counted(replace(stored, extension=said), rule)


def paused(stored: Deadline, pause: PauseRule, *, on: date) -> Deadline:
    """Return the deadline with the clock standing still from the day ``on``."""
    begun = {
        "from": on.isoformat(),
        "to": None,
        "reason": pause.reason,
        "citation": pause.citation,
    }
    return replace(stored, pauses=(*stored.pauses, begun))


def resumed(stored: Deadline, rule: ClockRule, *, on: date) -> Deadline:
    """Return the deadline after a clock that stood still goes on, from the day ``on``."""
    ended = {**stored.pauses[-1], "to": on.isoformat()}
    return _counted(replace(stored, pauses=(*stored.pauses[:-1], ended)), rule)


def may_pause(stored: Deadline, pause: PauseRule, *, on: date) -> bool:
    """Say whether the controller asked without delay, so that the clock may stand still."""
    place = Establishment(stored.country, stored.subdivision, stored.time_zone)
    received_on = date.fromisoformat(stored.received_on)
    return on <= working_days_after(received_on, pause.asked_within, holidays_of(place))


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


def _counted(stored: Deadline, rule: ClockRule) -> Deadline:
    """Return the deadline with its ends counted anew from receipt, extension and pauses."""
    received_on = date.fromisoformat(stored.received_on)
    place = Establishment(stored.country, stored.subdivision, stored.time_zone)
    first = period_end(received_on, months=rule.months, days=rule.days)
    first_due = _roll(rule, _later(first, stored.pauses), place)
    longest = rule.extension
    whole = (
        period_end(received_on, months=longest.months, days=longest.days)
        if stored.extension
        else first
    )
    nominal = _later(whole, stored.pauses)
    return replace(
        stored,
        nominal=nominal.isoformat(),
        first_due=first_due.isoformat(),
        due=_roll(rule, nominal, place).isoformat(),
    )


def _later(end: date, pauses: Sequence[dict[str, str | None]]) -> date:
    """Return the end moved by the days for which the clock stood still before it."""
    for pause in pauses:
        begun = date.fromisoformat(str(pause["from"]))
        if pause["to"] is not None and begun <= end:
            end += date.fromisoformat(pause["to"]) - begun
    return end


def _roll(rule: ClockRule, day: date, place: Establishment) -> date:
    return next_working_day(day, holidays_of(place)) if rule.rolls else day
