"""Watching a ticket: nothing is missed, nothing is held for long."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from expunge.api import events
from expunge.jobs.models import Attempt
from expunge.tickets.services import ticket_submit
from tests.expunge.api.conftest import AsScript
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People
from tests.expunge.tour import Tour


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(events, "POLL_SECONDS", 0.05)
    settings.EXPUNGE_API_STREAM_SECONDS = 1


def later(act: Callable[[], Any]) -> threading.Thread:
    """Do something from another process' point of view, a moment from now."""

    def run() -> None:
        try:
            time.sleep(0.3)
            act()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def frames(answer: Any) -> list[dict[str, str]]:
    text = b"".join(answer.streaming_content).decode()
    parts = (block.splitlines() for block in text.split("\n\n") if "event:" in block)
    return [dict(line.split(": ", 1) for line in part) for part in parts]


def test_what_happened_is_read_from_any_entry_on(script: AsScript, grand_tour: Tour) -> None:
    dora = script(grand_tour.people.dora)
    path = f"tickets/{grand_tour.tickets['closed'].pk}/events"
    everything = dora.get(path).json()
    kinds = [event["kind"] for event in everything["events"]]
    assert kinds[0] == "ticket.filed" and "ticket.moved" in kinds
    numbers = [event["seq"] for event in everything["events"]]
    assert numbers == sorted(numbers) and everything["after"] == numbers[-1]
    rest = dora.get(path, after=numbers[2]).json()
    assert [event["seq"] for event in rest["events"]] == numbers[3:]
    assert [item["state"] for item in rest["attempts"]] == ["refuted", "passed"]
    assert "Mustermann" not in json.dumps(everything)


@pytest.mark.django_db(transaction=True)
def test_a_long_poll_ends_when_something_happens(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    ticket, alice = file_ticket(), script(cast.alice)
    path = f"tickets/{ticket.pk}/events"
    seen = alice.get(path).json()
    mover = later(lambda: ticket_submit(actor=cast.alice, ticket_id=ticket.pk, reason="Checked."))
    began = time.monotonic()
    found = alice.get(path, after=seen["after"], mark=seen["mark"], wait=20).json()
    mover.join()
    assert time.monotonic() - began < 10
    assert [event["data"]["to"] for event in found["events"]] == ["awaiting_approval"]


@pytest.mark.django_db(transaction=True)
def test_a_long_poll_ends_when_an_attempt_goes_on(script: AsScript, grand_tour: Tour) -> None:
    carol = script(grand_tour.people.carol)
    path = f"tickets/{grand_tour.tickets['running'].pk}/events"
    seen = carol.get(path).json()
    worker = later(lambda: Attempt.objects.filter(state="running").update(done=77, total=100))
    found = carol.get(path, after=seen["after"], mark=seen["mark"], wait=20).json()
    worker.join()
    assert found["events"] == [] and found["mark"] != seen["mark"]
    assert 77 in [item["done"] for item in found["attempts"]]


@pytest.mark.django_db(transaction=True)
def test_a_wait_ends_with_what_there_is_and_holds_no_connection(
    script: AsScript, cast: People, file_ticket: FileTicket, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, path = script(cast.alice), f"tickets/{file_ticket().pk}/events"
    seen = alice.get(path).json()
    held: list[bool] = []
    monkeypatch.setattr(
        events.time, "sleep", lambda _: held.append(events.connection.connection is not None)
    )
    found = alice.get(path, after=seen["after"], mark=seen["mark"], wait=1).json()
    assert found["events"] == [] and found["after"] == seen["after"]
    assert held and not any(held)


@pytest.mark.django_db(transaction=True)
def test_a_stream_is_resumed_where_it_broke(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    ticket, alice = file_ticket(), script(cast.alice)
    path, wanted = f"tickets/{ticket.pk}/events", {"Accept": "text/event-stream"}
    answer = alice.get(path, headers=wanted)
    assert answer.headers["Content-Type"] == "text/event-stream"
    mover = later(lambda: ticket_submit(actor=cast.alice, ticket_id=ticket.pk, reason="Checked."))
    first = frames(answer)
    mover.join()
    told = [frame["event"] for frame in first]
    assert told[0] == "ticket.filed" and "progress" in told and told[-1] == "ticket.moved"
    resumed = frames(alice.get(path, headers={**wanted, "Last-Event-ID": first[0]["id"]}))
    assert "ticket.filed" not in [frame["event"] for frame in resumed]
    assert json.loads(resumed[-2]["data"])["data"]["to"] == "awaiting_approval"


def test_who_finds_no_place_to_wait_is_answered_at_once(
    script: AsScript, cast: People, file_ticket: FileTicket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_places", threading.BoundedSemaphore(1))
    alice, path = script(cast.alice), f"tickets/{file_ticket().pk}/events"
    seen = alice.get(path).json()
    events._places.acquire()
    began = time.monotonic()
    assert alice.get(path, after=seen["after"], mark=seen["mark"], wait=25).status_code == 200
    text = b"".join(alice.get(path, headers={"Accept": "text/event-stream"}).streaming_content)
    assert text.startswith(b"retry: 5000") and time.monotonic() - began < 2


@pytest.mark.django_db(transaction=True)
def test_a_stream_ends_when_its_reader_may_see_no_more(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    assert cast.alice.user is not None
    alice, path = script(cast.alice), f"tickets/{file_ticket().pk}/events"
    reading = iter(alice.get(path, headers={"Accept": "text/event-stream"}).streaming_content)
    assert next(reading).startswith(b"retry")
    cast.alice.user.memberships.all().delete()
    assert list(reading) == []


def test_mallory_watches_nothing(script: AsScript, cast: People, file_ticket: FileTicket) -> None:
    path = f"tickets/{file_ticket().pk}/events"
    mallory = script(cast.mallory)
    assert mallory.get(path).status_code == 404
    assert mallory.get(path, headers={"Accept": "text/event-stream"}).status_code == 404
