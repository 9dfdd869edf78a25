"""A POST that is sent again is answered again, and done once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection, connections, transaction

from expunge.api import idempotency
from expunge.api.models import Claim
from expunge.api.v1 import models as models_view
from expunge.api.v1 import tickets as tickets_view
from expunge.common.clock import now
from expunge.common.errors import ConflictError
from expunge.registry.models import Model, ScopeNode
from expunge.tickets.models import Ticket
from tests.expunge.api.conftest import AsScript, Script
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People, leaves


def request_for(node: ScopeNode) -> dict[str, Any]:
    return {
        "regime": "gdpr",
        "ground": "consent_withdrawn",
        "nodes": [str(node.pk)],
        "subject_name": "Erika Mustermann",
        "identity_confirmed": True,
    }


def test_the_same_request_is_answered_again_and_done_once(
    script: AsScript, cast: People, erika: ScopeNode
) -> None:
    carol = script(cast.carol)
    first = carol.post("tickets", request_for(erika), key="one")
    again = carol.post("tickets", request_for(erika), key="one")
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Ticket.objects.count() == 1 and len(leaves("ticket.filed")) == 1
    assert carol.post("tickets", request_for(erika), key="two").status_code == 201
    assert Ticket.objects.count() == 2


def test_a_key_belongs_to_one_request(script: AsScript, cast: People) -> None:
    carol = script(cast.carol)
    assert carol.post("models", {"name": "a"}, key="k").status_code == 201
    other = carol.post("models", {"name": "b"}, key="k")
    assert other.status_code == 422 and other.json()["code"] == "idempotency_key_reused"
    elsewhere = carol.post("datasets", {"name": "a"}, key="k")
    assert elsewhere.status_code == 422
    assert list(Model.objects.values_list("name", flat=True)) == ["a"]


def test_a_key_belongs_to_one_person(script: AsScript, cast: People) -> None:
    assert script(cast.carol).post("models", {"name": "a"}, key="k").status_code == 201
    made = script(cast.mallory).post("models", {"name": "a"}, key="k")
    assert made.status_code == 201 and "Idempotent-Replayed" not in made.headers
    assert Model.objects.count() == 2


@pytest.mark.parametrize("key", ["", " ", "ä", "a" * 256, "two words"])
def test_a_key_that_is_none_is_refused(script: AsScript, cast: People, key: str) -> None:
    answer = script(cast.carol).post("models", {"name": "a"}, key=key)
    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_invalid"


def test_what_was_refused_may_be_sent_again(
    script: AsScript, cast: People, erika: ScopeNode
) -> None:
    carol = script(cast.carol)
    wrong = request_for(erika) | {"ground": "whim"}
    assert carol.post("tickets", wrong, key="k").status_code == 422
    assert carol.post("tickets", request_for(erika), key="k").status_code == 201


def test_neither_the_key_nor_the_person_is_readable_in_the_database(
    script: AsScript, cast: People, erika: ScopeNode
) -> None:
    script(cast.carol).post("tickets", request_for(erika), key="a-secret-key")
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(c)::text, response FROM api_claim c")
        ((row, response),) = cursor.fetchall()
    assert "secret" not in row and b"Mustermann" not in bytes(response)
    claim = Claim.objects.get()
    other = idempotency.Once(claim.user, claim.controller_id, "another-key", b"")
    with pytest.raises(Exception, match="does not open"):
        other._open(claim)


def test_answers_end_after_a_day(script: AsScript, cast: People) -> None:
    carol = script(cast.carol)
    carol.post("models", {"name": "a"}, key="k")
    Claim.objects.update(expires_at=now() - timedelta(seconds=1))
    again = carol.post("models", {"name": "b"}, key="k")
    assert again.status_code == 201 and Claim.objects.count() == 1
    Claim.objects.update(expires_at=now() - timedelta(seconds=1))
    assert idempotency.claims_expire() == 1 and not Claim.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_answers_about_a_ticket_end_with_it(
    script: AsScript, cast: People, erika: ScopeNode
) -> None:
    carol = script(cast.carol)
    ticket = carol.post("tickets", request_for(erika), key="file").json()
    assert Claim.objects.get().ticket_id is not None
    body = {"reason": "by_person", "text": ""}
    ended = carol.post(f"tickets/{ticket['id']}/withdraw", body, key="end")
    assert ended.json()["state"] == "withdrawn"
    # The answer that names the person is gone; that of the end, which does not, is given again.
    assert Claim.objects.count() == 1
    again = carol.post(f"tickets/{ticket['id']}/withdraw", body, key="end")
    assert again.json() == ended.json() and again.headers["Idempotent-Replayed"] == "true"


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Event, Event]]:
    """Hold up the registration of a model in the middle, until told to go on."""
    entered, go_on = Event(), Event()
    real = models_view.model_register

    def slowly(**given: Any) -> Model:
        model = real(**given)
        entered.set()
        assert go_on.wait(20)
        return model

    monkeypatch.setattr(models_view, "model_register", slowly)
    yield entered, go_on
    go_on.set()


def in_a_thread(script: Script, name: str, key: str) -> Any:
    try:
        return script.post("models", {"name": name}, key=key)
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_a_request_that_is_running_is_not_run_beside(
    script: AsScript, cast: People, paused: tuple[Event, Event]
) -> None:
    entered, go_on = paused
    carol = script(cast.carol)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(in_a_thread, carol, "a", "k")
        assert entered.wait(20)
        beside = carol.post("models", {"name": "a"}, key="k")
        assert beside.status_code == 409 and beside.json()["code"] == "request_running"
        go_on.set()
        assert first.result().status_code == 201
    again = carol.post("models", {"name": "a"}, key="k")
    assert again.json() == first.result().json() and Model.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_is_carried_out(script: AsScript, cast: People) -> None:
    carol, start = script(cast.carol), Barrier(8)

    def send(_: int) -> Any:
        start.wait(20)
        return in_a_thread(carol, "a", "k")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    fresh = [item for item in answers if item.status_code == 201 and not _replayed(item)]
    assert len(fresh) == 1 and Model.objects.count() == 1 and len(leaves("model.registered")) == 1


def _replayed(answer: Any) -> bool:
    return "Idempotent-Replayed" in answer.headers


@pytest.mark.django_db(transaction=True)
def test_a_process_that_dies_leaves_neither_effect_nor_claim_nor_lock(
    script: AsScript, cast: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    carol = script(cast.carol)
    real = models_view.model_register

    def die(**given: Any) -> Model:
        real(**given)
        with connection.cursor() as cursor:  # the server ends the connection, as after a crash
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        raise AssertionError("the connection should be gone")

    monkeypatch.setattr(models_view, "model_register", die)
    carol._client.raise_request_exception = False
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(in_a_thread, carol, "a", "k").result().status_code == 500
    assert not Model.objects.exists() and not Claim.objects.exists()
    monkeypatch.setattr(models_view, "model_register", real)
    assert carol.post("models", {"name": "a"}, key="k").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_a_defect_undoes_everything(
    script: AsScript, cast: People, monkeypatch: pytest.MonkeyPatch, file_ticket: FileTicket
) -> None:
    ticket, alice = file_ticket(), script(cast.alice)
    real = tickets_view._in_full

    def break_down(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(tickets_view, "_in_full", break_down)
    alice._client.raise_request_exception = False
    path, body = f"tickets/{ticket.pk}/submit", {"text": "Checked."}
    assert alice.post(path, body, key="k").status_code == 500
    ticket.refresh_from_db()
    assert ticket.state == "under_review" and not Claim.objects.exists()
    monkeypatch.setattr(tickets_view, "_in_full", real)
    assert alice.post(path, body, key="k").json()["state"] == "awaiting_approval"


@pytest.mark.django_db(transaction=True)
def test_no_header_undoes_what_a_refusal_keeps(cast: People) -> None:
    """A count of wrong codes, say, must not be rolled back because a key was sent with them."""

    def count_and_refuse() -> None:
        with transaction.atomic():
            Model.objects.create(controller=cast.controller, name="counted")
        raise ConflictError("code_wrong", "This is not the code.")

    with pytest.raises(ConflictError):
        idempotency.in_one_transaction(count_and_refuse)
    assert Model.objects.filter(name="counted").exists()
