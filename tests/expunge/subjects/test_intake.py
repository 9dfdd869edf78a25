"""Requests without an account: from the form to a ticket, or to an answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings

from expunge.accounts.models import ControllerPolicy
from expunge.notices.models import Notice
from expunge.registry.models import ScopeNode
from expunge.subjects import intake as service
from expunge.subjects import intake_codes as codes
from expunge.subjects.intake_payload import IntakePayload, payload_open
from expunge.subjects.models import IntakeKey, IntakeRequest
from expunge.subjects.selectors import intakes_for
from expunge.tickets.models import Ticket
from expunge.tickets.payload import TicketPayload, payload_decrypt
from expunge.tickets.states import TicketState
from tests.expunge.factories import People, all_leaves, leaves
from tests.expunge.subjects.conftest import latest_letter, mailed_code
from tests.expunge.tickets.walk import code_of

ASKED = IntakePayload("Erika Mustermann", "erika@home.example", "I was a patient in 2019")


@pytest.fixture(autouse=True)
def _form_is_open(cast: People, settings: Any) -> None:
    settings.EXPUNGE_PUBLIC_INTAKE = True
    ControllerPolicy.objects.create(controller=cast.controller, number=1, public_intake=True)


def received(cast: People, **given: Any) -> IntakeRequest:
    defaults = {"regime": "gdpr", "payload": ASKED, "language": "de"}
    intake, _ = service.intake_receive(controller_id=cast.controller.pk, **{**defaults, **given})
    return intake


def filed(cast: People, intake: IntakeRequest, erika: ScopeNode, **given: Any) -> Ticket:
    defaults: dict[str, Any] = {
        "actor": cast.carol,
        "intake_id": intake.pk,
        "regime": "gdpr",
        "ground": "consent_withdrawn",
        "node_ids": [erika.pk],
        "payload": TicketPayload(ASKED.subject_name, ASKED.contact, ASKED.note),
    }
    return service.intake_file(**{**defaults, **given})


def test_a_request_is_kept_under_its_own_key_and_acknowledged(cast: People) -> None:
    intake = received(cast)
    assert payload_open(intake) == ASKED
    assert b"Erika" not in bytes(intake.payload) + bytes(IntakeKey.objects.get().wrapped)
    assert intake.reference in latest_letter("acknowledgement")
    assert Notice.objects.filter(kind="identity_request", language="de").count() == 1
    assert b"Erika" not in all_leaves() and leaves("intake.received")


def test_the_clock_of_its_ticket_runs_from_receipt_and_the_payload_is_shredded(
    cast: People, erika: ScopeNode
) -> None:
    intake = received(cast)
    earlier = intake.received_at - timedelta(days=5)
    IntakeRequest.objects.update(received_at=earlier)
    ticket = filed(cast, intake, erika)
    assert ticket.received_at == earlier and ticket.requester == cast.carol.user
    assert ticket.state == TicketState.IDENTITY_PENDING
    payload = payload_decrypt(ticket)
    assert payload is not None and payload.language == "de"
    intake.refresh_from_db()
    assert (intake.standing, bytes(intake.payload), intake.ticket) == ("filed", b"", ticket)
    assert not IntakeKey.objects.exists() and payload_open(intake) is None
    assert leaves("intake.filed")[0]["data"] == {"ticket": str(ticket.pk)}


def test_a_confirmed_address_is_an_identity_of_low_level(cast: People, erika: ScopeNode) -> None:
    intake = received(cast)
    codes.intake_code_enter(intake_id=intake.pk, code=mailed_code())
    ticket = filed(cast, intake, erika)
    assert ticket.state == TicketState.UNDER_REVIEW
    check = ticket.identity_checks.get()
    assert (check.method, check.level) == ("mailed_code", "low")


def test_a_confirmed_address_says_nothing_of_another_one(cast: People, erika: ScopeNode) -> None:
    intake = received(cast)
    codes.intake_code_enter(intake_id=intake.pk, code=mailed_code())
    other = TicketPayload("Erika Mustermann", "somebody@else.example")
    assert filed(cast, intake, erika, payload=other).state == TicketState.IDENTITY_PENDING


def test_codes_of_a_request_are_bounded(cast: People) -> None:
    intake = received(cast)
    code = mailed_code()
    enter = codes.intake_code_enter
    for _ in range(5):
        assert code_of(enter, intake_id=intake.pk, code="22222-22222") == "code_wrong"
    assert code_of(enter, intake_id=intake.pk, code=code) == "code_used_up"
    assert code_of(codes.intake_code_send, intake_id=intake.pk) == "too_many_codes"


def test_declining_tells_the_person_and_destroys_what_they_wrote(cast: People) -> None:
    intake = received(cast)
    given = {"actor": cast.alice, "intake_id": intake.pk}
    decline = service.intake_decline
    assert code_of(decline, **given, reason="no", text="x") == "reason_unknown"
    assert code_of(decline, **given, reason="not_ours", text=" ") == "text_missing"
    decline(**given, reason="not_ours", text="We never treated anybody of this name.")
    assert "never treated" in latest_letter("intake_declined")
    intake.refresh_from_db()
    assert intake.standing == "declined" and payload_open(intake) is None
    assert code_of(decline, **given, reason="not_ours", text="again") == "intake_decided"
    assert leaves("intake.declined")[0]["data"] == {"reason": "not_ours"}


def test_a_german_is_answered_in_german_whoever_declines(cast: People) -> None:
    intake = received(cast)
    intake.language = "de"
    intake.save(update_fields=["language"])
    given = {"actor": cast.alice, "intake_id": intake.pk}
    service.intake_decline(**given, reason="not_ours", text="Sie sind uns nicht bekannt.")
    letter = latest_letter("intake_declined")
    assert "Wir haben keine Daten dieser Person" in letter
    assert "Aufsichtsbehörde" in letter and "Art. 12 Abs. 4 DSGVO" in letter


def test_a_flood_is_turned_away(cast: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_WAITING", 1)
    received(cast)
    given = {"controller_id": cast.controller.pk, "regime": "gdpr", "language": "en"}
    assert code_of(service.intake_receive, **given, payload=ASKED) == "intake_full"


def test_a_request_says_who_and_how_to_reach_them(cast: People) -> None:
    given = {"controller_id": cast.controller.pk, "regime": "gdpr", "language": "en"}
    receive = service.intake_receive
    assert code_of(receive, **given, payload=IntakePayload(" ", "x")) == "name_missing"
    assert code_of(receive, **given, payload=IntakePayload("x", " ")) == "contact_missing"


def test_the_form_is_open_only_where_both_want_it(cast: People) -> None:
    assert service.intake_open(cast.controller.pk)
    assert not service.intake_open(cast.elsewhere.pk)
    with override_settings(EXPUNGE_PUBLIC_INTAKE=False):
        assert not service.intake_open(cast.controller.pk)
        assert code_of(service.intake_controller, controller_id=cast.controller.pk) == (
            "intake_closed"
        )


@pytest.mark.parametrize(
    ("name", "files", "declines"),
    [
        ("alice", True, True),
        ("carol", True, False),
        ("bob", False, False),
        ("dora", False, False),
        ("ada", False, False),
        ("mallory", False, False),
    ],
)
def test_who_may_deal_with_the_queue(
    cast: People, erika: ScopeNode, name: str, *, files: bool, declines: bool
) -> None:
    actor = getattr(cast, name)
    intake = received(cast)
    assert intakes_for(actor).exists() == files
    given = {"actor": actor, "intake_id": intake.pk, "reason": "abuse", "text": "x"}
    if not declines:
        refused = "permission_missing" if files else "intake_unknown"
        assert code_of(service.intake_decline, **given) == refused
    if files:
        assert filed(cast, intake, erika, actor=actor).requester == actor.user
    else:
        assert code_of(filed, cast=cast, intake=intake, erika=erika, actor=actor) == (
            "intake_unknown"
        )
