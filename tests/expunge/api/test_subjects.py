"""The person of a ticket and the queue of requests, by API."""

from __future__ import annotations

from typing import Any

import pytest

from expunge.accounts.models import ControllerPolicy
from expunge.registry.models import ScopeNode
from expunge.subjects.intake import intake_receive
from expunge.subjects.intake_payload import IntakePayload
from expunge.subjects.models import IntakeRequest
from expunge.tickets.models import Ticket
from tests.expunge.api.conftest import AsScript
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People
from tests.expunge.subjects.conftest import mailed_code


@pytest.fixture
def received(cast: People, settings: Any) -> IntakeRequest:
    settings.EXPUNGE_PUBLIC_INTAKE = True
    ControllerPolicy.objects.create(controller=cast.controller, number=1, public_intake=True)
    intake, _ = intake_receive(
        controller_id=cast.controller.pk,
        regime="gdpr",
        payload=IntakePayload("Erika Mustermann", "erika@home.example", "Please"),
        language="en",
    )
    return intake


def test_a_code_is_sent_and_entered(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket(identity_confirmed=False)
    alice, base = script(cast.alice), f"tickets/{ticket.pk}/identity"
    sent = alice.post(f"{base}/code").json()
    assert sent["awaited"] and sent["checks"][0]["standing"] == "asked"
    wrong = alice.post(f"{base}/code/entry", {"code": "22222-22222"})
    assert wrong.status_code == 422 and wrong.json()["code"] == "code_wrong"
    assert alice.get(base).json()["checks"][0]["tries"] == 1
    shown = alice.post(f"{base}/code/entry", {"code": mailed_code()}).json()
    assert (shown["awaited"], shown["checks"][0]["standing"]) == (False, "shown")


def test_evidence_and_attestation(script: AsScript, cast: People, file_ticket: FileTicket) -> None:
    one, other = (file_ticket(identity_confirmed=False) for _ in range(2))
    alice = script(cast.alice)
    given = {"evidence": "account", "level": "substantial", "seen": "portal"}
    shown = alice.post(f"tickets/{one.pk}/identity/evidence", given).json()
    assert shown["checks"][0]["reference"] == "portal"
    attested = alice.post(
        f"tickets/{other.pk}/identity/attestation", {"level": "high", "reference": "A-1"}
    ).json()
    assert attested["checks"][0]["method"] == "agent_attestation"
    assert (
        script(cast.dora).get(f"tickets/{one.pk}/identity").json()["checks"][0]["reference"] == ""
    )


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("identity/code", {}),
        ("identity/code/entry", {"code": "x"}),
        ("identity/evidence", {"evidence": "account", "level": "low", "seen": "x"}),
        ("identity/attestation", {"level": "low", "reference": "x"}),
        ("duplicates", {"survivor": "00000000-0000-4000-8000-000000000000"}),
        ("status-links", {}),
    ],
)
def test_only_a_reviewer_changes_anything(
    script: AsScript, cast: People, file_ticket: FileTicket, path: str, body: dict[str, str]
) -> None:
    ticket = file_ticket(identity_confirmed=False)
    address = f"tickets/{ticket.pk}/{path}"
    for actor in (cast.bob, cast.carol, cast.dora):
        assert script(actor).post(address, body).status_code == 403
    assert script(cast.mallory).post(address, body).status_code == 404


def test_duplicates_are_listed_and_merged(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    first, again = file_ticket(), file_ticket()
    alice, address = script(cast.alice), f"tickets/{again.pk}/duplicates"
    (found,) = alice.get(address).json()["duplicates"]
    assert found["ticket"] == str(first.pk) and found["same"] == ["contact", "name"]
    assert found["overlaps"] and found["refusal"] == ""
    assert script(cast.dora).get(address).json()["duplicates"] == []
    assert script(cast.mallory).get(address).status_code == 404
    assert alice.post(address, {"survivor": str(first.pk)}).status_code == 200
    again.refresh_from_db()
    assert again.state == "withdrawn"


def test_links_are_made_and_revoked(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()
    alice, address = script(cast.alice), f"tickets/{ticket.pk}/status-links"
    made = alice.post(address)
    assert made.status_code == 201 and "/request/" in made.json()["address"]
    revoked = alice._client.delete(f"/api/v1/{address}")
    assert revoked.json()["revoked"] >= 1


def test_a_ticket_is_made_of_a_request(
    script: AsScript, cast: People, received: IntakeRequest, erika: ScopeNode
) -> None:
    carol = script(cast.carol)
    (line,) = carol.get("intakes", standing="waiting").json()["results"]
    assert "said" not in line and line["reference"] == received.reference
    one = f"intakes/{received.pk}"
    assert carol.get(one).json()["said"]["subject_name"] == "Erika Mustermann"
    given = {"regime": "gdpr", "ground": "objection", "nodes": [str(erika.pk)]}
    made = carol.post(f"{one}/ticket", given)
    assert made.status_code == 201 and made.json()["said"] is None
    assert Ticket.objects.get(pk=made.json()["ticket"]).received_at == received.received_at
    assert carol.post(f"{one}/ticket", given).json()["code"] == "intake_decided"


def test_a_request_is_declined_by_a_reviewer(
    script: AsScript, cast: People, received: IntakeRequest
) -> None:
    address, given = f"intakes/{received.pk}/decline", {"reason": "abuse", "text": "x"}
    assert script(cast.carol).post(address, given).status_code == 403
    assert script(cast.mallory).post(address, given).status_code == 404
    for actor in (cast.bob, cast.dora):
        assert script(actor).get(f"intakes/{received.pk}").status_code in {403, 404}
    assert script(cast.alice).post(address, given).json()["standing"] == "declined"
