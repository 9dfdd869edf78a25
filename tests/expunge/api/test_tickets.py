"""Tickets by API: the same law, the same people, the same refusals as on the pages."""

from __future__ import annotations

import pytest

from expunge.accounts.policies import policy_change
from expunge.registry.models import ModelVersion, ScopeNode
from expunge.tickets.models import Ticket
from expunge.tickets.rules import Task
from tests.expunge.api.conftest import AsScript
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People
from tests.expunge.tour import Tour


def body(node: ScopeNode, **given: object) -> dict[str, object]:
    return {
        "regime": "gdpr",
        "ground": "consent_withdrawn",
        "nodes": [str(node.pk)],
        "subject_name": "Erika Mustermann",
        "identity_confirmed": True,
        **given,
    }


def test_a_ticket_goes_from_filing_to_approval(
    script: AsScript, cast: People, original: ModelVersion, erika: ScopeNode
) -> None:
    alice, bob, carol = (script(who) for who in (cast.alice, cast.bob, cast.carol))
    filed = carol.post("tickets", body(erika))
    assert filed.status_code == 201
    ticket = filed.json()
    assert ticket["state"] == "under_review" and ticket["scope"][0]["label"] == "Erika Mustermann"
    path = f"tickets/{ticket['id']}"
    assert carol.post(f"{path}/submit", {"text": "fine"}).status_code == 403
    submitted = alice.post(f"{path}/submit", {"text": "Ground checked."})
    assert submitted.json()["state"] == "awaiting_approval"
    refused = alice.post(f"{path}/approve", {"text": "mine"})
    assert refused.status_code == 403 and refused.json()["code"] == "permission_missing"
    assert "approve" in bob.get(path).json()["tasks"]
    approved = bob.post(f"{path}/approve", {"text": "Agreed."}).json()
    assert approved["state"] == "approved"
    assert [item["target"] for item in approved["history"]][-2:] == [
        "awaiting_approval",
        "approved",
    ]


def test_a_ticket_must_show_what_the_policy_says_unless_it_says_otherwise(
    script: AsScript, cast: People, original: ModelVersion, erika: ScopeNode
) -> None:
    policy_change(actor=cast.ada, controller_id=cast.controller.pk, profile="exact")
    carol = script(cast.carol)
    assert carol.post("tickets", body(erika)).json()["profile"] == "exact"
    assert carol.post("tickets", body(erika, profile="erasure")).json()["profile"] == "erasure"


def test_every_task_has_an_address(script: AsScript, cast: People, file_ticket: FileTicket) -> None:
    ticket = file_ticket()
    alice = script(cast.alice)
    for task in Task:
        answer = alice.post(f"tickets/{ticket.pk}/{task.replace('_', '-')}", {})
        assert answer.status_code in {403, 409, 422}, task
    held = alice.post(f"tickets/{ticket.pk}/hold", {"reason": "litigation", "text": "A court"})
    assert held.json()["state"] == "on_hold"


@pytest.mark.parametrize("task", [task.replace("_", "-") for task in Task])
def test_mallory_finds_no_ticket_of_another_organisation(
    script: AsScript, cast: People, file_ticket: FileTicket, task: str
) -> None:
    ticket = file_ticket()
    mallory = script(cast.mallory)
    reasons = {"text": "mine", "reason": "by_person"}
    answer = mallory.post(f"tickets/{ticket.pk}/{task}", reasons)
    assert answer.status_code in {404, 422}
    assert mallory.get(f"tickets/{ticket.pk}").status_code == 404
    ticket.refresh_from_db()
    assert ticket.state == "under_review"


def test_mallory_files_nothing_over_another_organisations_data(
    script: AsScript, cast: People, erika: ScopeNode
) -> None:
    answer = script(cast.mallory).post("tickets", body(erika))
    assert answer.status_code == 422 and answer.json()["code"] == "scope_unknown"
    assert not Ticket.objects.exists()


def test_a_token_does_what_its_scopes_say_and_no_more(
    script: AsScript, cast: People, erika: ScopeNode
) -> None:
    reader = script(cast.carol, "ticket.view")
    assert reader.get("tickets").status_code == 200
    answer = reader.post("tickets", body(erika))
    assert answer.status_code == 403 and "ticket.file" in answer.json()["detail"]


def test_the_list_is_filtered_and_paged_by_cursor(script: AsScript, grand_tour: Tour) -> None:
    alice = script(grand_tour.people.alice)
    first = alice.get("tickets", page_size=3).json()
    assert len(first["results"]) == 3 and first["previous"] is None
    second = alice._client.get(first["next"]).json()
    seen = [item["id"] for item in (*first["results"], *second["results"])]
    assert len(set(seen)) == 6
    late = alice.get("tickets", overdue="true").json()["results"]
    assert [item["id"] for item in late] == [str(grand_tour.tickets["approval"].pk)]
    held = grand_tour.tickets["held"]
    found = alice.get("tickets", reference=held.reference).json()["results"]
    assert [item["reference"] for item in found] == [held.reference]


@pytest.mark.parametrize(
    "cursor", ["AAAA", "%%%", "cD0yMDI2", "cD0lMDA=", "bz0tMQ==", "cD05OTk5LTEyLTMxVDIzOjU5OjU5"]
)
def test_a_cursor_that_was_tampered_with_is_refused(
    script: AsScript, grand_tour: Tour, cursor: str
) -> None:
    answer = script(grand_tour.people.alice).get("tickets", cursor=cursor)
    assert answer.status_code in {200, 404}, answer.json()
    if answer.status_code == 404:
        assert "Begin again" in answer.json()["detail"]


def test_a_slip_in_a_name_is_told_and_not_passed_over(script: AsScript, grand_tour: Tour) -> None:
    alice = script(grand_tour.people.alice)
    for path in ("tickets", "tickets/export", "models"):
        answer = alice.get(path, sate="on_hold")
        (wrong,) = answer.json()["errors"]
        assert (answer.status_code, wrong["pointer"], wrong["code"]) == (422, "#/sate", "unknown")
    assert "Did you mean 'state'?" in alice.get("tickets", sate="on_hold").text
    many = {"task": "withdraw", "reason": "filed_in_error", "filter": {"regime": "gdpr", "du": "x"}}
    refused = alice.post("tickets/bulk", many)
    assert refused.status_code == 422 and "#/filter/du" in refused.text
    assert all(line["state"] != "withdrawn" for line in alice.get("tickets").json()["results"])


def test_a_name_is_no_filter(script: AsScript, grand_tour: Tour) -> None:
    answer = script(grand_tour.people.alice).get("tickets", reference="Erika Mustermann")
    assert answer.status_code == 422


def test_the_person_is_shown_only_to_those_who_decide(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    path = f"tickets/{file_ticket().pk}"
    assert script(cast.alice).get(path).json()["subject"]["subject_name"] == "Erika Mustermann"
    for who in (cast.carol, cast.dora):
        assert script(who).get(path).json()["subject"] is None
