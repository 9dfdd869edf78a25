"""Many tickets at once, and the list as a file."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from expunge.api import export
from expunge.api.v1 import bulk
from expunge.common.errors import ConflictError
from expunge.tickets.models import Ticket
from tests.expunge.api.conftest import AsScript
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People, leaves
from tests.expunge.tour import Tour

NOBODY = "00000000-0000-4000-8000-000000000000"
SUBMIT = {"task": "submit", "text": "Ground checked."}


def test_one_refusal_holds_up_no_other(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    first, ended, last = (file_ticket() for _ in range(3))
    script(cast.carol).post(f"tickets/{ended.pk}/withdraw", {"reason": "by_person", "text": ""})
    ids = [str(ticket.pk) for ticket in (first, ended, last)]
    answer = script(cast.alice).post("tickets/bulk", {**SUBMIT, "ids": ids}).json()
    assert (answer["done"], answer["refused"], answer["remaining"]) == (2, 1, 0)
    assert [item["ticket"] for item in answer["results"]] == ids
    refused = answer["results"][1]
    assert refused["code"] == "ticket_state" and "submit" in refused["detail"].lower()
    assert Ticket.objects.filter(state="awaiting_approval").count() == 2


def test_tickets_are_chosen_by_filter(script: AsScript, grand_tour: Tour) -> None:
    alice = script(grand_tour.people.alice)
    chosen = {"state": ["under_review"], "label": "Max Beispiel"}
    answer = alice.post("tickets/bulk", {**SUBMIT, "filter": chosen}).json()
    assert [item["ticket"] for item in answer["results"]] == [str(grand_tour.tickets["review"].pk)]


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"filter": {}},
        {"ids": ["00000000-0000-4000-8000-000000000000"], "filter": {"regime": "gdpr"}},
    ],
)
def test_everything_is_never_chosen_by_accident(
    script: AsScript, cast: People, chosen: dict[str, Any]
) -> None:
    answer = script(cast.alice).post("tickets/bulk", {**SUBMIT, **chosen})
    assert answer.status_code == 422 and answer.json()["code"] == "tickets_missing"


def test_no_more_than_a_batch_is_done_at_once(
    script: AsScript, cast: People, file_ticket: FileTicket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MOST", 2)
    for _ in range(3):
        file_ticket()
    alice, body = script(cast.alice), {**SUBMIT, "filter": {"state": ["under_review"]}}
    assert [alice.post("tickets/bulk", body).json()["remaining"] for _ in range(2)] == [1, 0]
    assert not Ticket.objects.exclude(state="awaiting_approval").exists()


def test_a_batch_that_broke_is_finished_under_the_same_key(
    script: AsScript, cast: People, file_ticket: FileTicket, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = [file_ticket() for _ in range(3)]
    alice = script(cast.alice)
    alice._client.raise_request_exception = False
    real, calls = bulk.task_run, []

    def break_down(*given: Any, **named: Any) -> Ticket:
        calls.append(named["ticket_id"])
        if len(calls) == 2:
            raise ZeroDivisionError
        return real(*given, **named)

    monkeypatch.setattr(bulk, "task_run", break_down)
    body = {**SUBMIT, "filter": {"state": ["under_review"]}}
    assert alice.post("tickets/bulk", body, key="k").status_code == 500
    assert Ticket.objects.filter(state="awaiting_approval").count() == 1
    # The filter finds two of them now; the key remembers all three.
    answer = alice.post("tickets/bulk", body, key="k").json()
    assert answer["done"] == 3
    assert {item["ticket"] for item in answer["results"]} == {str(item.pk) for item in tickets}
    moved = [leaf for leaf in leaves("ticket.moved") if leaf["data"]["to"] == "awaiting_approval"]
    assert len(moved) == 3
    other = alice.post("tickets/bulk", {**body, "text": "Other"}, key="k")
    assert other.status_code == 422 and other.json()["code"] == "idempotency_key_reused"


def test_each_ticket_is_done_in_a_transaction_of_its_own(
    script: AsScript, cast: People, file_ticket: FileTicket, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = file_ticket(), file_ticket()
    real = bulk.task_run

    def act_then_refuse(*given: Any, **named: Any) -> Ticket:
        ticket = real(*given, **named)
        if ticket.pk == second.pk:
            raise ConflictError("too_late", "Too late.")
        return ticket

    monkeypatch.setattr(bulk, "task_run", act_then_refuse)
    ids = [str(first.pk), str(second.pk)]
    answer = script(cast.alice).post("tickets/bulk", {**SUBMIT, "ids": ids}).json()
    assert [item["done"] for item in answer["results"]] == [True, False]
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("awaiting_approval", "under_review")


def test_mallory_does_nothing_to_many(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()
    mallory = script(cast.mallory)
    answer = mallory.post("tickets/bulk", {**SUBMIT, "ids": [str(ticket.pk)]}).json()
    assert [item["code"] for item in answer["results"]] == ["ticket_unknown"]
    found = mallory.post("tickets/bulk", {**SUBMIT, "filter": {"regime": "gdpr"}}).json()
    assert found["results"] == []
    assert b"".join(mallory.get("tickets/export").streaming_content).count(b"\n") == 1


def test_the_list_is_a_file(script: AsScript, grand_tour: Tour) -> None:
    alice = script(grand_tour.people.alice)
    answer = alice.get("tickets/export", regime="gdpr")
    text = b"".join(answer.streaming_content).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == Ticket.objects.filter(regime="gdpr").count() > 3
    assert {row["requester"] for row in rows} == {"Carol"}
    assert answer.headers["Content-Disposition"] == 'attachment; filename="tickets.csv"'
    lines = b"".join(alice.get("tickets/export", format="ndjson").streaming_content)
    objects = [json.loads(line) for line in lines.splitlines()]
    assert len(objects) == Ticket.objects.count()
    late = [item["reference"] for item in objects if item["overdue"]]
    assert late == [grand_tour.tickets["approval"].reference]


def test_a_file_of_any_length_takes_as_many_queries(
    script: AsScript, cast: People, file_ticket: FileTicket, django_assert_max_num_queries: Any
) -> None:
    for _ in range(12):
        file_ticket()
    alice = script(cast.alice)
    with django_assert_max_num_queries(8):
        assert len(list(alice.get("tickets/export").streaming_content)) == 13


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert export.inert(text) == f"'{text}"


@pytest.mark.parametrize("text", ["EX-1", "", "under_review", "1+1"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert export.inert(text) == text
