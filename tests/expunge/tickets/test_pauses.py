"""A clock stands still where its law lets it, and only then: for every day of many years."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.common import clock
from expunge.tickets import services
from expunge.tickets.clocks import (
    Deadline,
    Establishment,
    deadline,
    extended,
    holidays_of,
    may_pause,
    paused,
    resumed,
)
from expunge.tickets.law import ClockRule
from expunge.tickets.regimes import regime_named, regimes
from expunge.tickets.selectors import is_overdue, ticket_history, tickets_visible
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import SYSTEM, People, leaves
from tests.expunge.tickets.walk import certified, code_of

GERMANY = Establishment("DE", "", "Europe/Berlin")
PLACES = [
    GERMANY,
    Establishment("DE", "BY", "Europe/Berlin"),
    Establishment("DE", "SN", "Europe/Berlin"),
    Establishment("IE", "", "Europe/Dublin"),
    Establishment("FR", "", "Europe/Paris"),
    Establishment("ES", "CT", "Europe/Madrid"),
    Establishment("PL", "", "Europe/Warsaw"),
    Establishment("US", "CA", "America/Los_Angeles"),
    Establishment("US", "TX", "America/Chicago"),
]
RULES = [rule for regime in regimes().values() for rule in regime.clocks]
DAYS = st.dates(date(1995, 1, 1), date(2060, 12, 31))
GDPR = regime_named("gdpr").clock("consent_withdrawn")
(IDENTITY,) = GDPR.pauses
Freeze = Callable[[datetime], None]


@pytest.fixture
def freeze(monkeypatch: pytest.MonkeyPatch) -> Freeze:
    """Set what time it is."""

    def at(moment: datetime) -> None:
        monkeypatch.setattr(clock.timezone, "now", lambda: moment)

    return at


def stood_still(
    received: date, after: int, days: int, *, place: Establishment = GERMANY
) -> Deadline:
    begun = received + timedelta(days=after)
    stopped = paused(deadline(GDPR, received, place), IDENTITY, on=begun)
    return resumed(stopped, GDPR, on=begun + timedelta(days=days))


def due(found: Deadline) -> date:
    return date.fromisoformat(found.due)


def nominal(found: Deadline) -> date:
    return date.fromisoformat(found.nominal)


@pytest.mark.parametrize(
    ("received", "after", "days", "expected"),
    [
        (date(2026, 8, 31), 0, 10, date(2026, 10, 12)),  # 10 October is a Saturday
        (date(2026, 1, 31), 1, 0, date(2026, 3, 2)),  # asked and answered on one day
        (date(2026, 3, 5), 2, 1, date(2026, 4, 7)),  # 6 April is Easter Monday
        (date(2024, 1, 31), 0, 1, date(2024, 3, 1)),  # from a 29 February
    ],
)
def test_the_end_moves_by_the_days_the_clock_stood(
    received: date, after: int, days: int, expected: date
) -> None:
    assert due(stood_still(received, after, days)) == expected


@given(DAYS, st.integers(0, 3), st.integers(0, 400), st.sampled_from(PLACES))
@settings(max_examples=300, deadline=None)
def test_a_pause_of_n_days_moves_the_end_by_n_days_and_never_onto_a_closed_day(
    received: date, after: int, days: int, place: Establishment
) -> None:
    before = deadline(GDPR, received, place)
    moved = stood_still(received, after, days, place=place)
    assert nominal(moved) - nominal(before) == timedelta(days=days)
    assert due(moved) >= nominal(before) + timedelta(days=days)
    assert due(moved) >= due(before)
    assert due(moved).weekday() < 5 and due(moved) not in holidays_of(place)
    assert moved.first_due == moved.due and moved.paused_since is None


@given(DAYS, st.integers(0, 60), st.sampled_from(PLACES), st.sampled_from(("pause", "extension")))
@settings(max_examples=300, deadline=None)
def test_it_does_not_matter_whether_the_extension_or_the_pause_comes_first(
    received: date, days: int, place: Establishment, first: str
) -> None:
    day = received + timedelta(days=2)
    begun = paused(deadline(GDPR, received, place), IDENTITY, on=received)
    if first == "extension":
        begun = extended(begun, GDPR, on=day, reason="number")
        found = resumed(begun, GDPR, on=received + timedelta(days=days))
    else:
        begun = resumed(begun, GDPR, on=received + timedelta(days=days))
        found = extended(begun, GDPR, on=day, reason="number")
    plain = extended(deadline(GDPR, received, place), GDPR, on=day, reason="number")
    assert nominal(found) == nominal(plain) + timedelta(days=days)
    assert date.fromisoformat(found.first_due) < due(found)


@given(DAYS, st.sampled_from(RULES), st.sampled_from(PLACES))
@settings(max_examples=400, deadline=None)
def test_under_every_law_later_receipt_is_later_due_and_an_extension_is_longer(
    received: date, rule: ClockRule, place: Establishment
) -> None:
    first, later = (deadline(rule, received + timedelta(days=n), place) for n in (0, 1))
    assert received < due(first) <= due(later)
    longer = extended(first, rule, on=received, reason="number")
    assert due(longer) > due(first) and longer.first_due == first.due
    if rule.rolls:
        for end in (due(first), due(longer)):
            assert end.weekday() < 5 and end not in holidays_of(place)
    else:
        assert due(first) == nominal(first)
        assert due(first) - received == timedelta(days=rule.days)


@given(st.integers(1995, 2060), st.sampled_from(PLACES))
@settings(max_examples=100, deadline=None)
def test_the_last_days_of_january_share_the_end_of_february(
    year: int, place: Establishment
) -> None:
    ends = {nominal(deadline(GDPR, date(year, 1, day), place)) for day in (29, 30, 31)}
    leap = date(year, 12, 31).timetuple().tm_yday == 366
    assert ends == {date(year, 2, 29 if leap else 28)}


@given(DAYS, st.sampled_from(PLACES))
@settings(max_examples=200, deadline=None)
def test_only_who_asks_without_delay_may_stop_the_clock(
    received: date, place: Establishment
) -> None:
    found = deadline(GDPR, received, place)
    allowed = [n for n in range(30) if may_pause(found, IDENTITY, on=received + timedelta(days=n))]
    assert allowed == list(range(len(allowed)))
    assert 3 < len(allowed) <= 12


def test_the_clock_of_a_ticket_stands_still_and_goes_on(
    cast: People, file_ticket: FileTicket, freeze: Freeze
) -> None:
    freeze(datetime(2026, 8, 31, 9, tzinfo=UTC))
    ticket = file_ticket(identity_confirmed=False)
    who = {"actor": cast.alice, "ticket_id": ticket.pk}
    ticket = services.ticket_clock_pause(**who, reason="identity", text="Asked for the birthday.")
    assert ticket.paused_since == date(2026, 8, 31) and ticket.due_on == date(2026, 9, 30)
    again = {**who, "reason": "identity", "text": "Again"}
    assert code_of(services.ticket_clock_pause, **again) == "clock_stands_still"
    freeze(datetime(2026, 10, 5, 9, tzinfo=UTC))
    assert not is_overdue(ticket) and not tickets_visible(cast.alice, overdue=True).exists()
    ticket = services.ticket_identity_confirm(**who)
    ticket.refresh_from_db()
    assert ticket.paused_since is None and ticket.due_on == date(2026, 11, 4)
    assert ticket.clock["pauses"] == [
        {
            "from": "2026-08-31",
            "to": "2026-10-05",
            "reason": "identity",
            "citation": "GDPR Art. 12(6), 11(2)",
        }
    ]
    assert leaves("ticket.clock_paused")[-1]["data"] == {
        "reason": "identity",
        "due_on": "2026-09-30",
    }
    assert leaves("ticket.clock_resumed")[-1]["data"]["due_on"] == "2026-11-04"
    assert "Asked for the birthday." in [entry.text for entry in ticket_history(cast.alice, ticket)]
    assert code_of(services.ticket_clock_resume, **who, reason="answered") == "clock_runs"
    freeze(datetime(2026, 11, 5, 9, tzinfo=UTC))
    assert is_overdue(ticket) and list(tickets_visible(cast.alice, overdue=True)) == [ticket]


def test_a_question_that_comes_late_stops_nothing(
    cast: People, file_ticket: FileTicket, freeze: Freeze
) -> None:
    freeze(datetime(2026, 8, 31, 9, tzinfo=UTC))
    ticket = file_ticket(identity_confirmed=False)
    freeze(datetime(2026, 9, 10, 9, tzinfo=UTC))
    given = {"actor": cast.alice, "ticket_id": ticket.pk, "reason": "identity", "text": "Who?"}
    assert code_of(services.ticket_clock_pause, **given) == "pause_too_late"


@pytest.mark.parametrize(
    ("regime", "ground"), [("ccpa", "consumer_request"), ("hipaa", "amendment")]
)
def test_other_clocks_run_whatever_is_waited_for(
    cast: People, file_ticket: FileTicket, regime: str, ground: str
) -> None:
    ticket = file_ticket(identity_confirmed=False, regime=regime, ground=ground)
    given = {"actor": cast.alice, "ticket_id": ticket.pk, "reason": "identity", "text": "Who?"}
    assert code_of(services.ticket_clock_pause, **given) == "pause_unknown"


def test_a_reopened_ticket_has_a_fresh_clock_and_says_why(
    cast: People, file_ticket: FileTicket, freeze: Freeze
) -> None:
    freeze(datetime(2026, 1, 31, 9, tzinfo=UTC))
    ticket = certified(cast, file_ticket())
    freeze(datetime(2026, 11, 30, 9, tzinfo=UTC))
    ticket = services.ticket_reopen(actor=SYSTEM, ticket_id=ticket.pk, reason="regression")
    assert ticket.due_on == date(2026, 12, 30)
    assert (ticket.clock["counted_from"], ticket.clock["rule"]) == ("regression", "gdpr-12(3)")
    assert ticket.clock["received_on"] == "2026-11-30"
    assert ticket.received_at == datetime(2026, 1, 31, 9, tzinfo=UTC)
