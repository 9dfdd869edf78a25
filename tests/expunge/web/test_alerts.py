"""Alerts and containment on pages: who sees them, and what a person decides there."""

from __future__ import annotations

from uuid import uuid4

import pytest

from expunge.containment.services import containment_look
from expunge.registry.ledger import suppression_record
from expunge.registry.models import DatasetVersion, ModelVersion, ScopeNode, SuppressionAlert
from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move
from tests.expunge.conftest import FileTicket, Register
from tests.expunge.factories import SYSTEM, People, clinic
from tests.expunge.tickets.walk import approved
from tests.expunge.web.conftest import SignedIn


@pytest.fixture
def alert(
    cast: People, patients: DatasetVersion, erika: ScopeNode, register: Register
) -> SuppressionAlert:
    """Return a possible match in another dataset."""
    suppression_record(
        actor=SYSTEM,
        controller_id=cast.controller.pk,
        ticket_id=uuid4(),
        nodes=[erika],
        certificate="EC-2026-AAAA-BBBB",
    )
    return register(clinic(), name="another clinic", at="other").alerts.get()


@pytest.fixture
def contained(cast: People, original: ModelVersion, file_ticket: FileTicket) -> Ticket:
    ticket = approved(cast, file_ticket())
    containment_look(ticket_id=ticket.pk)
    return ticket


def test_a_reviewer_sees_who_it_is_about_and_decides(
    signed_in: SignedIn, cast: People, alert: SuppressionAlert
) -> None:
    alice = signed_in(cast.alice)
    assert f"/alerts/{alert.pk}/" in alice.get("/alerts/").content.decode()
    address = f"/alerts/{alert.pk}/"
    assert "Erika Mustermann" in alice.get(address).content.decode()
    assert alice.post(address, {"answer": "confirmed:another_person"}).status_code == 422
    assert alice.post(address, {"answer": "dismissed:another_person"}).status_code == 302
    alert.refresh_from_db()
    assert (alert.state, alert.decided_by) == ("dismissed", cast.alice.user)
    assert f"/alerts/{alert.pk}/" not in alice.get("/alerts/").content.decode()
    assert f"/alerts/{alert.pk}/" in alice.get("/alerts/?all=1").content.decode()


def test_others_see_no_name_and_decide_nothing(
    signed_in: SignedIn, cast: People, alert: SuppressionAlert
) -> None:
    address = f"/alerts/{alert.pk}/"
    for who in (cast.bob, cast.carol, cast.dora):
        page = signed_in(who).get(address).content.decode()
        assert "Erika" not in page and "Your decision" not in page
        answer = {"answer": "dismissed:another_person"}
        assert signed_in(who).post(address, answer).status_code == 403
    for who in (cast.mallory, cast.ada):
        assert signed_in(who).get(address).status_code == 404
        assert f"/alerts/{alert.pk}" not in signed_in(who).get("/alerts/").content.decode()


def test_the_page_of_the_dataset_says_so(
    signed_in: SignedIn, cast: People, alert: SuppressionAlert
) -> None:
    assert alert.dataset_version is not None
    page = signed_in(cast.carol).get(f"/datasets/{alert.dataset_version.dataset_id}/")
    assert f"/alerts/{alert.pk}/" in page.content.decode()


def test_the_ticket_says_that_it_is_contained_and_not_erased(
    signed_in: SignedIn, cast: People, contained: Ticket
) -> None:
    page = signed_in(cast.dora).get(f"/tickets/{contained.pk}/").content.decode()
    assert "Contained for now" in page and "It is not erasure" in page
    assert "No deployer fetched it" in page
    listed = signed_in(cast.dora).get("/containment/").content.decode()
    assert contained.reference in listed
    assert contained.reference not in signed_in(cast.mallory).get("/containment/").content.decode()


def test_a_reviewer_lifts_containment_of_a_ticket_that_was_not_verified(
    signed_in: SignedIn, cast: People, contained: Ticket
) -> None:
    contained.refresh_from_db()
    for state in ("in_progress", "verification_failed", "closed"):
        ticket_move(ticket=contained, target=TicketState(state), actor=SYSTEM)
    containment_look(ticket_id=contained.pk)
    address, choice = f"/tickets/{contained.pk}/containment/", {"keep": "0", "reason": "protects"}
    assert signed_in(cast.bob).post(address, choice).status_code == 403
    assert signed_in(cast.mallory).post(address, choice).status_code == 404
    assert signed_in(cast.alice).post(address, {"keep": "0", "reason": "x"}).status_code == 302
    assert contained.bundles.filter(withdrawn_at__isnull=True).exists()
    assert signed_in(cast.alice).post(address, choice).status_code == 302
    assert not contained.bundles.filter(withdrawn_at__isnull=True).exists()
