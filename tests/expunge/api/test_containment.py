"""Containment and alerts by API; a guard that fetches its bundles from a running platform."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from contract.containment import BundleError, read
from expunge.accounts.models import Role
from expunge.accounts.permissions import Actor
from expunge.accounts.services import token_create
from expunge.containment.keys import public_key
from expunge.containment.services import containment_look, containment_settle
from expunge.registry.ledger import suppression_record
from expunge.registry.models import Arm, DatasetVersion, ModelVersion, ScopeNode
from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move
from tests.expunge.api.conftest import AsScript
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import SYSTEM, People, model_folder, person, recipe
from tests.expunge.tickets.walk import approved


@pytest.fixture
def erin(cast: People) -> Actor:
    return person("Erin", cast.controller, Role.DEPLOYER)


@pytest.fixture
def contained(cast: People, original: ModelVersion, file_ticket: FileTicket) -> Ticket:
    ticket = approved(cast, file_ticket())
    containment_look(ticket_id=ticket.pk)
    return ticket


def test_a_deployer_lists_and_fetches_bundles(
    script: AsScript, erin: Actor, contained: Ticket, original: ModelVersion
) -> None:
    deployer = script(erin)
    listed = deployer.get("containment")
    (line,) = listed.json()["results"]
    assert line["effect"] == "serve_suppression" and "not erasure" in line["notice"]
    assert line["model_version"] == str(original.pk) and "key" not in line
    known = {"If-None-Match": listed["ETag"]}
    assert deployer.get("containment", known).status_code == 304
    key = deployer.get("containment/key").json()["key"]
    assert key == public_key()
    document = deployer.get(f"containment/{line['id']}").content
    assert read(document, key).model_version == str(original.pk)
    assert deployer.get("containment", model=str(uuid4())).json()["results"] == []


def test_a_withdrawn_bundle_is_told_of_since_but_not_handed_out(
    script: AsScript, erin: Actor, contained: Ticket
) -> None:
    start = timezone.now().isoformat()
    bundle = contained.bundles.get()
    ticket_move(ticket=contained, target=TicketState.WITHDRAWN, actor=SYSTEM)
    containment_settle(ticket_id=contained.pk)
    deployer = script(erin)
    assert deployer.get("containment").json()["results"] == []
    (line,) = deployer.get("containment", since=start).json()["results"]
    assert line["id"] == str(bundle.pk) and line["withdrawn_at"] and line["reason"] == "ended"
    gone = deployer.get(f"containment/{bundle.pk}")
    assert gone.status_code == 409 and gone.json()["code"] == "containment_withdrawn"


def test_nobody_else_reads_bundles(script: AsScript, cast: People, contained: Ticket) -> None:
    bundle = contained.bundles.get()
    for who in (cast.alice, cast.bob, cast.carol, cast.dora, cast.ada):
        assert script(who).get("containment").status_code == 403
        assert script(who).get(f"containment/{bundle.pk}").status_code == 403
    mallory = script(cast.mallory)
    assert mallory.get("containment").json()["results"] == []
    assert mallory.get(f"containment/{bundle.pk}").status_code == 404
    assert mallory.get(f"tickets/{contained.pk}/containment").status_code == 404


def test_the_people_of_a_ticket_see_its_bundles_and_choose(
    script: AsScript, cast: People, contained: Ticket
) -> None:
    path, choice = f"tickets/{contained.pk}/containment", {"keep": False, "reason": "protects"}
    (line,) = script(cast.dora).get(path).json()
    assert line["fetches"] == [] and line["complete"]
    assert script(cast.alice).post(path, choice).status_code == 409
    contained.refresh_from_db()
    for state in ("in_progress", "verification_failed"):
        ticket_move(ticket=contained, target=TicketState(state), actor=SYSTEM)
    assert script(cast.bob).post(path, choice).status_code == 403
    assert script(cast.mallory).post(path, choice).status_code == 404
    assert script(cast.alice).post(path, choice).status_code == 200


@pytest.fixture
def erased(cast: People, erika: ScopeNode) -> None:
    suppression_record(
        actor=SYSTEM,
        controller_id=cast.controller.pk,
        ticket_id=uuid4(),
        nodes=[erika],
        certificate="EC-2026-AAAA-BBBB",
    )


@pytest.mark.usefixtures("erased")
def test_a_registration_that_brings_someone_back_succeeds_and_says_so(
    script: AsScript,
    cast: People,
    original: ModelVersion,
    patients: DatasetVersion,
    tmp_path: Path,
) -> None:
    body = {
        "uri": str(model_folder(tmp_path / "again", b"other weights")),
        "recipe": recipe(),
        "trained_on": [{"dataset_version": str(patients.pk), "arm": Arm.TRAINED}],
    }
    carol = script(cast.carol)
    made = carol.post(f"models/{original.model_id}/versions", body)
    assert made.status_code == 201
    (alert,) = made.json()["alerts"]
    assert (alert["kind"], alert["state"]) == ("model_brings_back", "open")
    assert carol.get("alerts", state="open").json()["results"][0]["id"] == alert["id"]
    assert carol.get("alerts", state="dismissed").json()["results"] == []
    path, answer = f"alerts/{alert['id']}", {"decision": "confirmed", "reason": "same_person"}
    assert carol.post(f"{path}/decide", answer).status_code == 403
    mallory = script(cast.mallory)
    assert (
        mallory.get(path).status_code == mallory.post(f"{path}/decide", answer).status_code == 404
    )
    decided = script(cast.alice).post(f"{path}/decide", answer)
    assert decided.status_code == 200 and decided.json()["state"] == "confirmed"


@pytest.mark.django_db(transaction=True)
def test_a_guard_keeps_its_folder_up_to_date(
    live_server: Any, cast: People, erin: Actor, contained: Ticket, tmp_path: Path
) -> None:
    from unlearning.guards.bundles import bundles_fetch, bundles_read  # noqa: PLC0415 - torch

    _, token = token_create(
        actor=erin, controller_id=cast.controller.pk, name="guard", scopes=["containment.read"]
    )
    given = (str(live_server), token, public_key(), tmp_path / "bundles")
    assert bundles_fetch(*given) == (1, 0)
    assert bundles_fetch(*given) == (0, 0)
    (bundle,) = bundles_read(tmp_path / "bundles", public_key())
    assert bundle.id == str(contained.bundles.get().pk)
    assert bundles_read(tmp_path / "bundles", public_key(), "sha256:other") == ()
    path = next((tmp_path / "bundles").glob("*.json"))
    assert path.stat().st_mode & 0o777 == 0o600
    kept = path.read_text()
    path.write_text(json.dumps({**json.loads(kept), "signer": "AAAA"}))
    with pytest.raises(BundleError):
        bundles_read(tmp_path / "bundles", public_key())
    path.write_text(kept)
    assert contained.bundles.get().fetches.get().user == erin.user
    ticket_move(ticket=contained, target=TicketState.WITHDRAWN, actor=SYSTEM)
    containment_settle(ticket_id=contained.pk)
    assert bundles_fetch(*given) == (0, 1)
