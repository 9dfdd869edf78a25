"""The client against a platform that listens."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connections

from expunge.registry.models import ModelVersion, ScopeNode
from expunge.tickets.models import Ticket
from expunge.tickets.services import ticket_withdraw
from expunge_client import Client, Problem, UnreachableError
from expunge_client.transport import Transport
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People, model_folder, recipe


def test_a_request_is_filed_found_and_read(carol: Client, alice: Client, erika: ScopeNode) -> None:
    (node,) = carol.scope_search(erika.dataset_id, "erika mustermann")
    filed = carol.ticket_file(
        nodes=[node.id],
        subject_name="Erika Mustermann",
        ground="consent_withdrawn",
        identity_confirmed=True,
    )
    assert filed.state == "under_review"
    assert carol.ticket(filed.reference) == carol.ticket(filed.id)
    assert [item.id for item in carol.tickets(state="under_review")] == [filed.id]
    assert list(carol.tickets(state="closed")) == []
    seen = alice.ticket(filed.id).subject
    assert seen is not None and seen.subject_name == "Erika Mustermann"
    assert "Mustermann" not in repr(alice.ticket(filed.id))


def test_lists_are_read_to_their_end(carol: Client, file_ticket: FileTicket) -> None:
    made = {file_ticket().pk for _ in range(5)}
    assert {item.id for item in carol.tickets(page_size=2)} == made


def test_a_training_run_is_registered_once(carol: Client, digest: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "model": "ward-assistant",
        "uri": str(model_folder(tmp_path / "model")),
        "dataset_digests": [digest],
        "recipe": recipe(),
    }
    first, again = carol.model_register(**given), carol.model_register(**given)
    assert first == again and first.digest.startswith("sha256:")
    assert ModelVersion.objects.count() == 1
    assert [model.name for model in carol.models()] == ["ward-assistant"]
    assert [dataset.versions[0].digest for dataset in carol.datasets()] == [digest]


def test_a_refusal_is_a_problem_with_its_code(carol: Client, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no files of this model") as refused:
        carol.model_register(model="a", uri=str(tmp_path / "nothing"))
    assert (refused.value.status, refused.value.code) == (404, "artifact_missing")
    with pytest.raises(Problem) as wrong:
        carol.ticket_file(nodes=["x"], subject_name="E", ground="whim")
    assert wrong.value.errors[0]["pointer"] == "#/nodes/0" and "#/nodes/0" in str(wrong.value)
    with pytest.raises(Problem, match="ticket_unknown"):
        carol.ticket("EX-NONE")


def test_a_token_is_renewed(carol: Client) -> None:
    before = carol.token()
    fresh = carol.token_rotate()
    assert fresh.scopes == before.scopes and fresh.secret not in repr(fresh)
    assert Client(carol.url, fresh.secret).token().id == fresh.id


def test_a_ticket_is_watched_to_its_end(
    carol: Client, cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()

    def withdraw() -> None:
        time.sleep(1)
        ticket_withdraw(actor=cast.carol, ticket_id=ticket.pk, reason="by_person")
        connections.close_all()

    person = threading.Thread(target=withdraw)
    person.start()
    told = [event for news in carol.ticket_watch(ticket.pk) for event in news.events]
    person.join()
    assert told[0].kind == "ticket.filed"
    assert told[-1].seq > told[0].seq
    assert "withdrawn" in [event.data.get("to") for event in told]


class LossyLine(httpx.BaseTransport):
    """Passes calls on and loses the first answers."""

    def __init__(self, losses: int) -> None:
        self._line, self._losses = httpx.HTTPTransport(), losses

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._line.handle_request(request)
        if self._losses:
            self._losses -= 1
            answer.close()
            raise httpx.ReadError("the answer was lost")
        return answer


def test_a_lost_answer_files_nothing_twice(
    cast: People, carol: Client, erika: ScopeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("expunge_client.transport.FIRST_WAIT", 0.01)
    token = carol._call._http.headers["Authorization"].removeprefix("Bearer ")
    lossy = Client(carol.url, token, transport=LossyLine(2))
    filed = lossy.ticket_file(
        nodes=[erika.pk], subject_name="Erika Mustermann", ground="consent_withdrawn"
    )
    assert Ticket.objects.get().pk == filed.id


def test_what_is_busy_is_asked_again_when_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(
        [
            httpx.Response(429, headers={"Retry-After": "7"}, json={"code": "throttled"}),
            httpx.Response(409, json={"code": "request_running"}),
            httpx.Response(200, json={"ok": True}),
        ]
    )
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return next(answers)

    waited: list[float] = []
    line = Transport(
        "http://127.0.0.1", "x", transport=httpx.MockTransport(answer), sleep=waited.append
    )
    assert line.post("models", {"name": "a"}) == {"ok": True}
    assert waited[0] == 7 and len({item.headers["Idempotency-Key"] for item in seen}) == 1


def test_a_platform_that_is_away_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("expunge_client.transport.FIRST_WAIT", 0.001)
    with pytest.raises(UnreachableError, match="does not answer"):
        Client("http://127.0.0.1:9", "x").token()


def test_the_token_goes_to_no_other_place() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        following = "https://elsewhere.example/api/v1/models?cursor=x" if len(asked) == 1 else None
        return httpx.Response(200, json={"results": [], "next": following})

    line = Transport("https://here.example", "x", transport=httpx.MockTransport(answer))
    assert list(line.pages("models")) == []
    assert asked[1] == "https://here.example/api/v1/models?cursor=x"
