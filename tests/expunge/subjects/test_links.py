"""Secret links: who makes and revokes them, what is kept of them, and what the log says."""

from __future__ import annotations

import pytest

from expunge.accounts.models import ControllerPolicy
from expunge.config.celery import app
from expunge.subjects.access import PERSON
from expunge.subjects.codes import token_digest
from expunge.subjects.intake import intake_receive, intake_withdraw
from expunge.subjects.intake_payload import IntakePayload, payload_open
from expunge.subjects.links import link_found, status_link_make, status_links_revoke
from expunge.subjects.models import StatusLink
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People, all_leaves, leaves
from tests.expunge.subjects.conftest import mailed_link
from tests.expunge.tickets.walk import code_of


def test_a_link_belongs_to_one_ticket_and_one_purpose(
    cast: People, file_ticket: FileTicket
) -> None:
    one, other = file_ticket(), file_ticket()
    token = status_link_make(actor=cast.alice, ticket_id=one.pk).rstrip("/").rsplit("/", 1)[1]
    found = link_found(token)
    assert found is not None and found.ticket == one != other
    assert bytes(found.digest) == token_digest(token, purpose="status")
    assert bytes(found.digest) != token_digest(token, purpose="withdrawal")
    assert token.encode() not in all_leaves()


def test_the_log_says_who_made_and_who_revoked_links(cast: People, file_ticket: FileTicket) -> None:
    ticket = file_ticket()
    before = len(leaves("status_link.made"))
    status_link_make(actor=cast.alice, ticket_id=ticket.pk)
    made = leaves("status_link.made")
    assert len(made) == before + 1 and made[-1]["actor"] == cast.alice.pseudonym
    number = status_links_revoke(actor=cast.alice, ticket_id=ticket.pk)
    (revoked,) = leaves("status_link.revoked")
    assert revoked["data"] == {"links": number}
    assert status_links_revoke(actor=cast.alice, ticket_id=ticket.pk) == 0
    assert len(leaves("status_link.revoked")) == 1, "nothing happened the second time"


@pytest.mark.parametrize("name", ["bob", "carol", "dora", "ada", "mallory"])
def test_only_a_reviewer_makes_and_revokes_links(
    cast: People, file_ticket: FileTicket, name: str
) -> None:
    given = {"actor": getattr(cast, name), "ticket_id": file_ticket().pk}
    expected = "ticket_unknown" if name in {"ada", "mallory"} else "permission_missing"
    assert code_of(status_link_make, **given) == expected
    assert code_of(status_links_revoke, **given) == expected


def test_the_acknowledgement_carries_a_link_of_its_own(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()
    token = mailed_link().rstrip("/").rsplit("/", 1)[1]
    found = link_found(token)
    assert found is not None and found.ticket == ticket
    assert not StatusLink.objects.filter(digest__contains=token.encode()).exists()


def test_who_asked_by_form_takes_it_back(cast: People, settings: object) -> None:
    settings.EXPUNGE_PUBLIC_INTAKE = True  # type: ignore[attr-defined]
    ControllerPolicy.objects.create(controller=cast.controller, number=1, public_intake=True)
    intake, _ = intake_receive(
        controller_id=cast.controller.pk,
        regime="gdpr",
        payload=IntakePayload("Erika Mustermann", "erika@home.example"),
        language="en",
    )
    intake_withdraw(actor=PERSON, intake_id=intake.pk)
    intake.refresh_from_db()
    assert intake.standing == "withdrawn" and payload_open(intake) is None
    assert leaves("intake.withdrawn")[0]["actor"] == "system:data-subject"
    assert code_of(intake_withdraw, actor=PERSON, intake_id=intake.pk) == "intake_decided"


def test_the_sweep_is_on_the_beat() -> None:
    app.loader.import_default_modules()
    planned = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert "expunge.subjects.tasks.subjects_sweep" in planned & set(app.tasks)
