"""Every way to fail is a problem of RFC 9457, with a code and a sentence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from expunge.accounts.models import ApiToken
from expunge.api.v1.tickets import Tickets
from expunge.common.clock import now
from expunge.registry.models import ScopeNode
from tests.expunge.api.conftest import AsScript
from tests.expunge.factories import People

NOWHERE = "00000000-0000-4000-8000-000000000000"


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    body: dict[str, Any] = answer.json()
    assert body["status"] == status and body["code"] == code
    assert body["title"] and body["detail"] and body["type"]
    return body


def test_no_token_is_a_problem() -> None:
    answer = Client().get("/api/v1/tickets")
    problem(answer, 401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("sent", ["Bearer", "Bearer nonsense", "Bearer a b", "bearer \xff"])
@pytest.mark.django_db
def test_a_wrong_token_is_a_problem(sent: str) -> None:
    answer = Client(headers={"Authorization": sent}).get("/api/v1/tickets")
    problem(answer, 401, "authentication_failed")


def test_a_token_that_ended_opens_nothing(script: AsScript, cast: People) -> None:
    alice = script(cast.alice)
    assert alice.get("tickets").status_code == 200
    ApiToken.objects.update(expires_at=now() - timedelta(seconds=1))
    problem(alice.get("tickets"), 401, "authentication_failed")


def test_an_address_that_is_not_there(script: AsScript, cast: People) -> None:
    problem(script(cast.alice).get("nothing/here"), 404, "not_found")
    problem(Client().get("/api/v1/"), 404, "not_found")
    problem(script(cast.alice).get("tickets/not-an-id"), 404, "not_found")


def test_a_thing_that_is_not_there(script: AsScript, cast: People) -> None:
    problem(script(cast.alice).get(f"tickets/{NOWHERE}"), 404, "ticket_unknown")
    problem(script(cast.alice).get(f"attempts/{NOWHERE}"), 404, "attempt_unknown")


def test_fields_are_named_by_pointer(script: AsScript, cast: People) -> None:
    answer = script(cast.carol).post("tickets", {"regime": "lex talionis", "nodes": ["x"]})
    body = problem(answer, 422, "invalid_input")
    found = {error["pointer"]: error["code"] for error in body["errors"]}
    assert found["#/regime"] == "invalid_choice"
    assert found["#/ground"] == "required"
    assert found["#/nodes/0"] == "invalid"


def test_what_a_service_refuses_names_its_field(
    script: AsScript, cast: People, erika: ScopeNode
) -> None:
    body = {"regime": "gdpr", "ground": "whim", "nodes": [str(erika.pk)], "subject_name": "E"}
    assert (
        problem(script(cast.carol).post("tickets", body), 422, "ground_unknown")["field"]
        == "ground"
    )


def test_a_body_that_is_no_json(script: AsScript, cast: People) -> None:
    client = script(cast.carol)._client
    address = "/api/v1/tickets"
    problem(client.post(address, "{", content_type="application/json"), 400, "parse_error")
    problem(client.post(address, "a=b", content_type="text/plain"), 415, "unsupported_media_type")


def test_a_wrong_method(script: AsScript, cast: People) -> None:
    answer = script(cast.carol)._client.delete("/api/v1/tickets")
    problem(answer, 405, "method_not_allowed")


def test_too_many_calls_are_told_when_to_come_back(
    script: AsScript, cast: People, settings: Any
) -> None:
    settings.EXPUNGE_API_CALLS = 2
    alice = script(cast.alice)
    assert [alice.get("tickets").status_code for _ in range(2)] == [200, 200]
    answer = alice.get("tickets")
    problem(answer, 429, "throttled")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_defect_is_recorded_and_tells_nothing(
    script: AsScript, cast: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> None:
        raise ZeroDivisionError("Erika Mustermann")

    monkeypatch.setattr(Tickets, "listing", break_down)
    alice = script(cast.alice)
    alice._client.raise_request_exception = False
    answer = alice.get("tickets")
    body = problem(answer, 500, "internal_error")
    assert "Erika" not in str(body)


def test_answers_are_kept_by_no_cache(script: AsScript, cast: People) -> None:
    assert script(cast.alice).get("tickets").headers["Cache-Control"] == "no-store"
    assert script(cast.alice).get(f"tickets/{NOWHERE}").headers["Cache-Control"] == "no-store"


def test_a_script_is_answered_in_english_unless_it_asks_for_german(
    script: AsScript, cast: People
) -> None:
    assert cast.alice.user is not None
    cast.alice.user.language = "de"
    cast.alice.user.save(update_fields=["language"])
    alice = script(cast.alice)
    english = alice.get(f"tickets/{NOWHERE}").json()
    assert english["detail"] == "There is no such ticket for you."
    german = alice.get(f"tickets/{NOWHERE}", headers={"Accept-Language": "de"}).json()
    assert german["detail"] == "Dieses Ticket gibt es für Sie nicht."
    assert (german["code"], german["title"]) == (english["code"], "Nicht gefunden")
