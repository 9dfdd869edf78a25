"""Legal holds and exemptions, as scripts use them."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from expunge.common.clock import now
from expunge.registry.models import ModelVersion, ScopeNode
from expunge.tickets.models import Exemption, LegalHold, Ticket
from tests.expunge.api.conftest import AsScript
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People

OVER = {"reason": "order_lifted", "text": "Lifted on 3 May"}


def body(kind: str, target: object) -> dict[str, str]:
    return {
        "kind": kind,
        "target": str(target),
        "reason": "authority_order",
        "authority": "Prosecutor, 7 Js 8/26",
    }


def state(ticket: Ticket) -> str:
    ticket.refresh_from_db()
    return ticket.state


def test_a_hold_is_placed_listed_read_and_released(
    script: AsScript, cast: People, file_ticket: FileTicket, erika: ScopeNode
) -> None:
    ticket, alice = file_ticket(), script(cast.alice)
    made = alice.post("holds", body("subject", erika.pk))
    assert made.status_code == 201
    hold = made.json()
    assert (hold["kind"], hold["target"]) == ("subject", str(erika.pk))
    assert hold["authority"] == "Prosecutor, 7 Js 8/26" and state(ticket) == "on_hold"
    assert alice.get("holds", active="true").json()["results"] == [hold]
    assert alice.get(f"holds/{hold['id']}").json() == hold
    released = alice.post(f"holds/{hold['id']}/release", OVER)
    assert released.status_code == 200 and released.json()["release_reason"] == "order_lifted"
    assert state(ticket) == "under_review"
    assert alice.get("holds", active="true").json()["results"] == []
    assert len(alice.get("holds").json()["results"]) == 1
    again = alice.post(f"holds/{hold['id']}/release", OVER)
    assert (again.status_code, again.json()["code"]) == (409, "hold_released")


def test_a_hold_over_every_kind_of_thing(
    script: AsScript,
    cast: People,
    file_ticket: FileTicket,
    erika: ScopeNode,
    original: ModelVersion,
) -> None:
    ticket, alice = file_ticket(), script(cast.alice)
    targets = {
        "subject": erika.pk,
        "dataset": erika.dataset_id,
        "model": original.model_id,
        "ticket": ticket.pk,
    }
    for kind, target in targets.items():
        assert alice.post("holds", body(kind, target)).status_code == 201
        unknown = alice.post("holds", body(kind, uuid4()))
        assert (unknown.status_code, unknown.json()["code"]) == (404, "hold_target_unknown")


def test_only_who_reviews_places_and_releases_holds(
    script: AsScript, cast: People, erika: ScopeNode
) -> None:
    for actor in (cast.bob, cast.carol, cast.dora):
        assert script(actor).post("holds", body("subject", erika.pk)).status_code == 403
    assert script(cast.mallory).post("holds", body("subject", erika.pk)).status_code == 404
    narrow = script(cast.alice, "ticket.view")
    assert narrow.post("holds", body("subject", erika.pk)).status_code == 403
    assert not LegalHold.objects.exists()
    hold = script(cast.alice).post("holds", body("subject", erika.pk)).json()
    for actor in (cast.bob, cast.carol, cast.dora):
        assert script(actor).post(f"holds/{hold['id']}/release", OVER).status_code == 403
    mallory = script(cast.mallory)
    assert mallory.post(f"holds/{hold['id']}/release", OVER).status_code == 404
    assert mallory.get(f"holds/{hold['id']}").status_code == 404
    assert mallory.get("holds").json()["results"] == []
    assert script(cast.carol).get(f"holds/{hold['id']}").json()["authority"] == ""


def test_a_part_is_exempted_confirmed_and_released(
    script: AsScript, cast: People, file_ticket: FileTicket, erika: ScopeNode
) -> None:
    ticket, alice = file_ticket(), script(cast.alice)
    part = ScopeNode.objects.filter(parent=erika).order_by("path")[0]
    later = (now() + timedelta(days=90)).date()
    given = {"code": "legal_claims", "text": "A suit", "review_on": later.isoformat()}
    address = f"tickets/{ticket.pk}/exemptions"
    assert alice.post(address, given).json()["code"] == "exempt_what"
    made = alice.post(address, {**given, "node": str(part.pk)})
    assert made.status_code == 201
    exemption = made.json()
    assert exemption["citation"] == "GDPR Art. 17(3)(e)" and exemption["text"] == "A suit"
    assert alice.get(address).json() == [exemption]
    assert alice.get("exemptions").json()["results"] == [exemption]
    assert alice.get("exemptions", due_before=now().date()).json()["results"] == []
    one = f"exemptions/{exemption['id']}"
    assert alice.get(one).json() == exemption
    assert script(cast.carol).get(one).json()["text"] == ""
    further = (later + timedelta(days=90)).isoformat()
    assert alice.post(f"{one}/review", {"review_on": further}).json()["review_on"] == further
    assert alice.post(f"{one}/release").json()["released_at"] is not None
    assert alice.get(address).json() == []


def test_only_who_reviews_decides_on_exemptions(
    script: AsScript, cast: People, file_ticket: FileTicket, erika: ScopeNode
) -> None:
    ticket = file_ticket()
    later = (now() + timedelta(days=90)).date().isoformat()
    given = {
        "code": "research",
        "text": "A register",
        "review_on": later,
        "dataset": str(erika.dataset_id),
    }
    address = f"tickets/{ticket.pk}/exemptions"
    for actor, status in ((cast.bob, 403), (cast.carol, 403), (cast.dora, 403)):
        assert script(actor).post(address, given).status_code == status
    assert script(cast.mallory).post(address, given).status_code == 404
    assert not Exemption.objects.exists()
    exemption = script(cast.alice).post(address, given).json()["id"]
    for name, sent in (("release", {}), ("review", {"review_on": later})):
        one = f"exemptions/{exemption}/{name}"
        for actor, status in ((cast.bob, 403), (cast.carol, 403), (cast.mallory, 404)):
            assert script(actor).post(one, sent).status_code == status
    assert script(cast.mallory).get(f"exemptions/{exemption}").status_code == 404


def test_a_failed_ticket_is_left_contained_and_a_clock_is_paused_and_resumed(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    ticket, alice = file_ticket(identity_confirmed=False), script(cast.alice)
    address = f"tickets/{ticket.pk}"
    paused = alice.post(f"{address}/pause-clock", {"reason": "identity", "text": "Asked"})
    assert paused.status_code == 200
    assert paused.json()["clock"]["pauses"][0]["reason"] == "identity"
    assert "resume_clock" in paused.json()["tasks"]
    resumed = alice.post(f"{address}/resume-clock", {"reason": "answered"})
    assert resumed.status_code == 200 and "pause_clock" in resumed.json()["tasks"]
    refused = alice.post(f"{address}/contain", {"reason": "methods_exhausted", "text": "Enough"})
    assert (refused.status_code, refused.json()["code"]) == (409, "ticket_state")
