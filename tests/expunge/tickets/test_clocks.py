"""The deadline is law as code: vectors, and what holds for every day of many years."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.common.clock import local_date
from expunge.tickets.clocks import (
    Deadline,
    Establishment,
    deadline,
    extended,
    holidays_of,
    next_working_day,
    period_end,
    working_days_after,
)
from expunge.tickets.law import ClockRule
from expunge.tickets.regimes import regime_named

GERMANY = Establishment("DE", "", "Europe/Berlin")
BAVARIA = Establishment("DE", "BY", "Europe/Berlin")
IRELAND = Establishment("IE", "", "Europe/Dublin")
CALIFORNIA = Establishment("US", "CA", "America/Los_Angeles")
DAYS = st.dates(date(1995, 1, 1), date(2060, 12, 31))
PLACES = st.sampled_from([GERMANY, BAVARIA, IRELAND])


def gdpr() -> ClockRule:
    return regime_named("gdpr").clock("consent_withdrawn")


def due(received: date, place: Establishment = GERMANY, *, longer: bool = False) -> date:
    found = deadline(gdpr(), received, place)
    if longer:
        found = extended(found, gdpr(), on=received, reason="complexity")
    return date.fromisoformat(found.due)


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (date(2026, 1, 31), date(2026, 3, 2)),  # no 31 February; the 28th is a Saturday
        (date(2026, 3, 5), date(2026, 4, 7)),  # 5 April is Easter Sunday
        (date(2026, 8, 31), date(2026, 9, 30)),  # no 31 September
        (date(2024, 1, 31), date(2024, 2, 29)),  # a leap year
        (date(2025, 11, 25), date(2025, 12, 29)),  # both days of Christmas, then a weekend
        (date(2025, 12, 1), date(2026, 1, 2)),  # New Year's Day
    ],
)
def test_one_month_ends_on_the_same_number_or_the_next_working_day(
    received: date, expected: date
) -> None:
    assert due(received) == expected


def test_an_extension_runs_three_months_from_receipt_and_rolls_once() -> None:
    assert due(date(2026, 11, 30), longer=True) == date(2027, 3, 1)
    # Not from the rolled first end: that would give 7 July.
    assert due(date(2026, 3, 5), longer=True) == date(2026, 6, 5)


def test_holidays_are_those_of_the_establishment() -> None:
    epiphany = date(2026, 1, 6)
    assert due(date(2025, 12, 6), GERMANY) == epiphany
    assert due(date(2025, 12, 6), BAVARIA) == epiphany + timedelta(days=1)
    assert due(date(2026, 2, 17), IRELAND) == date(2026, 3, 18)  # Saint Patrick's Day


def test_the_day_of_receipt_is_the_day_where_the_controller_is() -> None:
    late = datetime(2026, 1, 30, 23, 30, tzinfo=UTC)
    assert local_date(late, "Europe/Berlin") == date(2026, 1, 31)
    assert local_date(late, "America/Los_Angeles") == date(2026, 1, 30)


@given(DAYS, PLACES)
@settings(max_examples=400, deadline=None)
def test_a_deadline_is_a_working_day_at_least_a_month_away(
    received: date, place: Establishment
) -> None:
    end = due(received, place)
    assert end.weekday() < 5 and end not in holidays_of(place)
    assert end > received + timedelta(days=27)
    assert end <= received + timedelta(days=31 + 6)


@given(DAYS)
@settings(max_examples=400, deadline=None)
def test_a_month_keeps_its_day_or_takes_the_last(received: date) -> None:
    end = period_end(received, months=1)
    last = monthrange(end.year, end.month)[1]
    assert end.day == min(received.day, last)
    assert (end.year * 12 + end.month) - (received.year * 12 + received.month) == 1


@given(DAYS, PLACES)
@settings(max_examples=300, deadline=None)
def test_later_receipt_never_means_an_earlier_deadline(
    received: date, place: Establishment
) -> None:
    assert due(received, place) <= due(received + timedelta(days=1), place)


@given(DAYS, PLACES)
@settings(max_examples=300, deadline=None)
def test_an_extension_adds_about_two_months_and_says_why(
    received: date, place: Establishment
) -> None:
    first = deadline(gdpr(), received, place)
    longer = extended(first, gdpr(), on=received + timedelta(days=3), reason="number")
    assert longer.first_due == first.due
    assert longer.extension is not None
    assert longer.extension["on"] == (received + timedelta(days=3)).isoformat()
    gained = date.fromisoformat(longer.due) - date.fromisoformat(first.due)
    assert timedelta(days=52) <= gained <= timedelta(days=70)


@given(DAYS)
def test_a_working_day_stays_and_another_moves_forward(day: date) -> None:
    closed = holidays_of(GERMANY)
    moved = next_working_day(day, closed)
    between = [day + timedelta(days=n) for n in range((moved - day).days)]
    assert all(item.weekday() >= 5 or item in closed for item in between)


def test_what_a_ticket_stores_gives_the_deadline_back() -> None:
    stored = deadline(gdpr(), date(2026, 1, 31), GERMANY).to_json()
    assert Deadline(**stored).to_json() == stored
    assert stored["rule"] == "gdpr-12(3)"
    assert stored["nominal"] == "2026-02-28" and stored["due"] == "2026-03-02"


def test_california_counts_calendar_days_and_confirms_within_ten_working_days() -> None:
    rule = regime_named("ccpa").clock("consumer_request")
    found = deadline(rule, date(2026, 6, 25), CALIFORNIA)
    assert found.due == "2026-08-09"  # a Sunday stays a Sunday
    assert found.acknowledge_by == "2026-07-10"  # 3 July is a holiday that year
    assert extended(found, rule, on=date(2026, 7, 1), reason="number").due == "2026-09-23"


def test_an_amendment_under_hipaa_has_sixty_days_and_thirty_more() -> None:
    rule = regime_named("hipaa").clock("amendment")
    found = deadline(rule, date(2026, 1, 1), CALIFORNIA)
    assert (rule.id, found.due) == ("hipaa-164.526", "2026-03-02")
    assert extended(found, rule, on=date(2026, 2, 1), reason="complexity").due == "2026-04-01"


def test_ten_working_days_skip_weekends_and_holidays() -> None:
    assert working_days_after(date(2026, 4, 2), 1, holidays_of(GERMANY)) == date(2026, 4, 7)
