"""The dashboard says what waits besides tickets, to those alone who may do it."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from expunge.accounts.models import ControllerPolicy
from expunge.notices.models import Notice, OutboxState
from expunge.registry.ledger import suppression_record
from expunge.registry.models import DatasetVersion, ModelVersion, ScopeNode
from expunge.subjects.intake import intake_receive
from expunge.subjects.intake_payload import IntakePayload
from expunge.tickets.exemptions import exemption_place
from expunge.tickets.models import Exemption
from expunge.tickets.recipient_models import RecipientNotice
from expunge.tickets.recipients import RecipientFields, recipient_add
from tests.expunge.conftest import FileTicket, Register
from tests.expunge.factories import SYSTEM, People, clinic
from tests.expunge.web.conftest import SignedIn

pytestmark = pytest.mark.django_db
OFFICER = {
    "/intake/": "1</strong> request waits to be read",
    "/alerts/": "1</strong> alert waits for a decision",
    "/correspondence/?state=by_hand": "letters are to be sent by hand",
    "/recipients/": "1</strong> recipient has not answered",
    "/holds/#due": "1</strong> exemption is due to be looked at again",
}


@pytest.fixture
def waiting(  # noqa: PLR0913, PLR0917 - one thing of every kind
    cast: People,
    patients: DatasetVersion,
    original: ModelVersion,
    erika: ScopeNode,
    register: Register,
    file_ticket: FileTicket,
    settings: Any,
) -> None:
    """Let one thing of every kind wait."""
    here = cast.controller.pk
    settings.EXPUNGE_PUBLIC_INTAKE = True
    ControllerPolicy.objects.create(controller=cast.controller, number=1, public_intake=True)
    payload = IntakePayload("Erika Mustermann", "erika@home.example", "Please")
    intake_receive(controller_id=here, regime="gdpr", payload=payload, language="en")
    ticket = file_ticket()
    exemption_place(
        actor=cast.alice,
        ticket_id=ticket.pk,
        code="legal_duty",
        dataset_id=patients.dataset_id,
        text="The law asks for it.",
        review_on=date(2099, 1, 1),
    )
    Exemption.objects.update(review_on=date(2020, 1, 1))
    recipient = recipient_add(
        actor=cast.alice,
        controller_id=here,
        fields=RecipientFields(
            name="North", role="deployer", contact="Box 7", model_ids=(original.model_id,)
        ),
    )
    RecipientNotice.objects.create(
        ticket=ticket, recipient=recipient, concerned=["assistant"], digest=b"1" * 32
    )
    suppression_record(
        actor=SYSTEM,
        controller_id=here,
        ticket_id=uuid4(),
        nodes=[erika],
        certificate="EC-2026-AAAA-BBBB",
    )
    register(clinic(), name="another clinic", at="other")
    Notice.objects.update(state=OutboxState.BY_HAND)


def said(client: Client) -> dict[str, str]:
    return {duty.address: f"{duty.count}</strong> {duty.text}" for duty in duties_of(client)}


def duties_of(client: Client) -> Any:
    answer = client.get("/")
    assert answer.status_code == 200
    for duty in answer.context["duties"]:
        assert f'href="{duty.address}"' in answer.content.decode()
        assert client.get(duty.address).status_code == 200, duty.address
    return answer.context["duties"]


def test_the_officer_is_told_what_waits_and_where(
    waiting: None, signed_in: SignedIn, cast: People
) -> None:
    found = said(signed_in(cast.alice))
    assert found.keys() == OFFICER.keys()
    for address, text in OFFICER.items():
        assert text in found[address]


def test_an_engineer_files_but_decides_nothing(
    waiting: None, signed_in: SignedIn, cast: People
) -> None:
    assert said(signed_in(cast.carol)).keys() == {"/intake/"}


@pytest.mark.parametrize("who", ["bob", "dora", "ada", "mallory"])
def test_nobody_else_is_told(waiting: None, signed_in: SignedIn, cast: People, who: str) -> None:
    client = signed_in(getattr(cast, who))
    assert not said(client) and b'id="duties"' not in client.get("/").content


def test_nothing_is_said_where_nothing_waits(signed_in: SignedIn, cast: People) -> None:
    assert b'id="duties"' not in signed_in(cast.alice).get("/").content
