"""Numbers over all tickets, and the check of the whole log."""

from __future__ import annotations

import re

from expunge.audit.checks import check_carry_out
from expunge.audit.models import Leaf
from tests.expunge.api.conftest import AsScript
from tests.expunge.tour import Tour


def test_the_numbers_are_those_of_the_tickets(script: AsScript, grand_tour: Tour) -> None:
    people = grand_tour.people
    numbers = script(people.alice).get("tickets/numbers").json()
    counted = {name: numbers[name] for name in ("open", "overdue", "failed", "running", "held")}
    assert counted == {"open": 6, "overdue": 1, "failed": 1, "running": 1, "held": 1}
    assert numbers["kept"] == {"in_time": 2, "ended": 2, "percent": 100}
    assert len(numbers["weeks"]) == 12
    assert sum(week["filed"] for week in numbers["weeks"]) == len(grand_tour.tickets)
    nothing = script(people.mallory).get("tickets/numbers").json()
    assert nothing["open"] == 0 and nothing["kept"]["percent"] is None


def test_the_whole_log_is_checked_when_asked(script: AsScript, grand_tour: Tour) -> None:
    dora = script(grand_tour.people.dora)
    dora._client.reads = re.compile("/api/v1/audit/check")  # it changes nothing that is logged
    assert dora.get("audit/check").json()["code"] == "check_missing"
    asked = dora.post("audit/check")
    assert asked.status_code == 202 and asked.json()["ended_at"] is None
    check_carry_out()
    found = dora.get("audit/check").json()
    assert found["ended_at"] and found["faults"] == [] and found["size"] == Leaf.objects.count()


def test_the_check_is_for_those_who_read_the_log(script: AsScript, grand_tour: Tour) -> None:
    carol = script(grand_tour.people.carol)
    assert carol.post("audit/check").status_code == 403
    assert carol.get("audit/check").status_code == 403
    narrow = script(grand_tour.people.dora, "ticket.view")
    assert narrow.post("audit/check").status_code == 403
