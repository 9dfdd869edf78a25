"""Filing a request: what it needs, and what is kept of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from expunge.accounts.permissions import Actor
from expunge.accounts.policies import policy_change
from expunge.common.clock import now
from expunge.common.errors import ConflictError, InvalidInputError, NotAllowedError
from expunge.registry.models import ScopeNode
from expunge.registry.selectors import scope_children, scope_search
from expunge.tickets.models import Ticket, TicketKey
from expunge.tickets.payload import TicketPayload
from expunge.tickets.selectors import ticket_nodes
from expunge.tickets.states import TicketState
from tests.expunge.conftest import FileTicket, Register
from tests.expunge.factories import SYSTEM, People, all_leaves, clinic, leaves


def test_a_request_waits_for_the_identity_or_goes_to_review(file_ticket: FileTicket) -> None:
    assert file_ticket(identity_confirmed=False).state == TicketState.IDENTITY_PENDING
    assert file_ticket(identity_confirmed=True).state == TicketState.UNDER_REVIEW


def test_a_request_keeps_its_scope_its_clock_and_who_filed_it(
    cast: People, file_ticket: FileTicket, erika: ScopeNode
) -> None:
    ticket = file_ticket(received_at=datetime(2026, 1, 30, 23, 30, tzinfo=UTC))
    assert ticket_nodes(ticket) == (erika,)
    assert ticket.requester == cast.carol.user
    assert ticket.clock["received_on"] == "2026-01-31"
    assert ticket.due_on.isoformat() == ticket.clock["due"] == "2026-03-02"


@pytest.mark.parametrize(
    ("regime", "ground", "profile"),
    [
        ("gdpr", "consent_withdrawn", "gdpr"),
        ("hipaa", "authorization_revoked", "hipaa"),
    ],
)
def test_a_policy_may_leave_what_must_be_shown_to_the_law(
    cast: People, file_ticket: FileTicket, regime: str, ground: str, profile: str
) -> None:
    assert file_ticket(regime=regime, ground=ground).profile == "erasure"
    policy_change(actor=cast.ada, controller_id=cast.controller.pk, profile="law")
    assert file_ticket(regime=regime, ground=ground).profile == profile
    assert file_ticket(regime=regime, ground=ground, profile="exact").profile == "exact"


def test_the_log_knows_the_request_but_not_the_person(file_ticket: FileTicket) -> None:
    ticket = file_ticket()
    (filed,) = leaves("ticket.filed")
    assert filed["subject"] == {"ticket": str(ticket.pk)}
    assert filed["data"]["ground"] == "consent_withdrawn"
    log = all_leaves().lower()
    for personal in (b"erika", b"mustermann", b"home.example", b"forget me"):
        assert personal not in log


def test_what_the_person_wrote_is_encrypted_under_a_key_of_its_own(
    file_ticket: FileTicket,
) -> None:
    first, second = file_ticket(), file_ticket()
    assert b"Erika" not in bytes(first.payload)
    keys = {bytes(key.wrapped) for key in TicketKey.objects.all()}
    assert len(keys) == 2
    assert "Erika" not in repr(TicketPayload("Erika Mustermann"))
    assert first.reference != second.reference


def test_a_second_request_for_the_same_person_is_taken(file_ticket: FileTicket) -> None:
    assert {file_ticket(identity_confirmed=False).state, file_ticket().state} == {
        TicketState.IDENTITY_PENDING,
        TicketState.UNDER_REVIEW,
    }


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"node_ids": []}, "scope_empty"),
        ({"node_ids": [uuid4()]}, "scope_unknown"),
        ({"regime": "lgpd"}, "regime_unknown"),
        ({"ground": "amendment"}, "ground_unknown"),
        ({"payload": TicketPayload(" ")}, "name_missing"),
        ({"received_at": now() + timedelta(days=400)}, "received_in_future"),
        ({"received_at": now().replace(year=1926, day=1)}, "received_too_early"),
    ],
)
def test_a_request_that_cannot_be_filed_says_why_and_leaves_nothing(
    file_ticket: FileTicket, given: dict[str, object], code: str
) -> None:
    with pytest.raises(InvalidInputError) as error:
        file_ticket(**given)
    assert error.value.code == code
    assert error.value.extra["field"] in {*given, "subject_name"}
    assert not Ticket.objects.exists() and not leaves("ticket.filed")


def test_a_scope_without_any_record_of_a_person_matches_nothing(
    register: Register, file_ticket: FileTicket
) -> None:
    public = register(clinic(trained=(), twins=(), public=("A. Public",)), "papers", "papers")
    (node,) = scope_search(SYSTEM, public.dataset_id, "A. Public")
    with pytest.raises(InvalidInputError) as error:
        file_ticket(node_ids=[node.pk])
    assert error.value.code == "scope_matches_nothing"


def test_any_level_of_the_tree_can_be_named(file_ticket: FileTicket, erika: ScopeNode) -> None:
    studies = scope_children(SYSTEM, erika.dataset_id, erika.pk)
    ticket = file_ticket(node_ids=[node.pk for node in studies])
    assert [node.level for node in ticket_nodes(ticket)] == ["study", "study"]


def test_nobody_files_for_another_organisation(cast: People, file_ticket: FileTicket) -> None:
    with pytest.raises(NotAllowedError):
        file_ticket(actor=cast.mallory)
    with pytest.raises(InvalidInputError) as error:
        file_ticket(actor=cast.mallory, controller_id=cast.elsewhere.pk)
    assert error.value.code == "scope_unknown"


def test_only_those_who_may_file_do(cast: People, file_ticket: FileTicket) -> None:
    for actor in (cast.bob, cast.dora, cast.ada, Actor()):
        with pytest.raises(NotAllowedError):
            file_ticket(actor=actor)
    with pytest.raises(NotAllowedError) as error:
        file_ticket(actor=SYSTEM)
    assert error.value.code == "person_needed"


def test_an_unknown_country_is_said_not_guessed(cast: People, file_ticket: FileTicket) -> None:
    cast.controller.country = "XX"
    cast.controller.save()
    with pytest.raises(ConflictError) as error:
        file_ticket()
    assert error.value.code == "holidays_unknown"


def test_the_servers_own_log_knows_nobody(
    file_ticket: FileTicket, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        ticket = file_ticket()
    assert "Erika" not in caplog.text
    assert "Erika" not in repr([ticket, *ticket_nodes(ticket), *ticket.moves.all()])
