"""What a person and the systems are told about a ticket, and when."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail

from expunge.notices import services as outbox
from expunge.notices.endpoints import endpoint_create
from expunge.notices.kinds import EventKind, NoticeKind
from expunge.notices.models import Notice, OutboxState, WebhookEvent
from expunge.notices.tasks import outbox_sweep
from expunge.tickets import correspondence
from expunge.tickets.models import Ticket
from expunge.tickets.payload import TicketPayload
from expunge.tickets.services import ticket_extend, ticket_reject, ticket_withdraw
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import SYSTEM, People

ERIKA = "Erika Mustermann"


def person(**given: Any) -> TicketPayload:
    defaults = {"subject_name": ERIKA, "contact": "erika@home.example", "language": "en"}
    return TicketPayload(**{**defaults, **given})


def kinds(ticket: Ticket) -> list[str]:
    rows = Notice.objects.filter(ticket_id=ticket.pk).order_by("created_at")
    return list(rows.values_list("kind", flat=True))


def last(ticket: Ticket) -> Notice:
    return Notice.objects.filter(ticket_id=ticket.pk).latest("created_at")


def walk(ticket: Ticket, *targets: str, reason: str = "") -> Ticket:
    for target in targets:
        ticket_move(ticket=ticket, target=TicketState(target), actor=SYSTEM, reason=reason)
    return ticket


def test_receipt_is_acknowledged_with_the_deadline(file_ticket: FileTicket) -> None:
    ticket = file_ticket(payload=person())
    notice = last(ticket)
    assert kinds(ticket) == [NoticeKind.ACKNOWLEDGEMENT]
    assert notice.recipient == "erika@home.example"
    assert ticket.reference in (notice.body or "") and ERIKA in (notice.body or "")
    day = ticket.due_on
    assert f"{day.day} {day:%B %Y}" in (notice.body or "")


def test_letters_are_in_the_persons_language_else_in_the_controllers(
    file_ticket: FileTicket,
) -> None:
    assert last(file_ticket(payload=person(language="en"))).language == "en"
    german = last(file_ticket(payload=person(language="")))
    assert german.language == "de" and "Guten Tag" in (german.body or "")


def test_a_refusal_says_why_and_what_the_person_can_do(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket(payload=person())
    codes = [item.code for item in correspondence.regime_named("gdpr").refusals]
    ticket_reject(
        actor=cast.alice, ticket_id=ticket.pk, reason=codes[0], text="You asked four times."
    )
    notice = last(ticket)
    body = " ".join((notice.body or "").split())
    assert notice.kind == NoticeKind.REFUSAL
    assert "You asked four times." in body and "supervisory authority" in body
    assert correspondence.regime_named("gdpr").refusals[0].citation in body


def test_the_letter_outlives_the_ticket_s_key_until_it_is_sent(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket(payload=person())
    ticket_withdraw(actor=cast.carol, ticket_id=ticket.pk, reason="by_person")
    ticket.refresh_from_db()
    assert bytes(ticket.payload) == b""
    outbox_sweep()
    assert [message.to for message in mail.outbox] == [["erika@home.example"]] * 2
    assert not Notice.objects.exclude(recipient=None, subject=None, body=None).exists()


def test_an_extension_is_told_in_the_transaction_that_makes_it(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket(payload=person())
    ticket_extend(
        actor=cast.alice, ticket_id=ticket.pk, reason="complexity", text="Five models hold it."
    )
    ticket.refresh_from_db()
    notice = last(ticket)
    body = notice.body or ""
    assert notice.kind == NoticeKind.EXTENSION
    assert "Five models hold it." in body and "12(3)" in body
    assert f"{ticket.due_on.day} {ticket.due_on:%B %Y}" in body
    assert notice.created_at.date().isoformat() <= ticket.clock["first_due"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (("in_progress", "verified", "certified", "closed"), NoticeKind.COMPLETION),
        (("in_progress", "verification_failed", "closed"), NoticeKind.FAILURE),
        (("closed",), NoticeKind.NOTHING_HELD),
    ],
)
def test_the_end_of_a_ticket_is_told_as_what_it_was(
    file_ticket: FileTicket, path: tuple[str, ...], kind: NoticeKind
) -> None:
    ticket = walk(file_ticket(payload=person()), "awaiting_approval", "approved")
    reason = "methods_exhausted" if kind is NoticeKind.FAILURE else ""
    walk(ticket, *path, reason=reason)
    assert kinds(ticket) == [NoticeKind.ACKNOWLEDGEMENT, kind]
    if kind is NoticeKind.FAILURE:
        assert "No method passed verification" in (last(ticket).body or "")
        assert "no certificate" in (last(ticket).body or "")


def test_an_expired_ticket_is_told_so(file_ticket: FileTicket) -> None:
    ticket = walk(file_ticket(payload=person(), identity_confirmed=False), "expired")
    assert kinds(ticket)[-1] == NoticeKind.EXPIRY


def test_a_postal_address_gives_a_letter_to_be_sent_by_hand(file_ticket: FileTicket) -> None:
    ticket = file_ticket(payload=person(contact="12 River Street"))
    assert last(ticket).state == OutboxState.BY_HAND


def test_without_a_contact_only_what_the_law_wants_told_is_written(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket(payload=person(contact=""))
    assert kinds(ticket) == []
    codes = [item.code for item in correspondence.regime_named("gdpr").refusals]
    ticket_reject(actor=cast.alice, ticket_id=ticket.pk, reason=codes[0], text="No.")
    assert kinds(ticket) == [NoticeKind.REFUSAL]
    assert last(ticket).state == OutboxState.BY_HAND


def test_a_letter_that_cannot_be_written_holds_up_nobody_and_is_seen(
    file_ticket: FileTicket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> str:
        raise RuntimeError(ERIKA)

    monkeypatch.setattr(correspondence, "_link_makers", [broken])
    ticket = walk(file_ticket(payload=person()), "withdrawn")
    assert ticket.state == TicketState.WITHDRAWN
    states = {(notice.state, notice.error) for notice in Notice.objects.all()}
    assert states == {(OutboxState.FAILED, "not_written")}
    assert ERIKA not in caplog.text


def test_every_move_is_an_event_of_ids_and_codes(cast: People, file_ticket: FileTicket) -> None:
    endpoint_create(
        actor=cast.ada,
        controller_id=cast.controller.pk,
        name="All",
        url="http://127.0.0.1:9/",
        kinds=EventKind.values,
    )
    ticket = file_ticket(payload=person())
    ticket_extend(actor=cast.alice, ticket_id=ticket.pk, reason="number", text="Many of them.")
    walk(ticket, "withdrawn", reason="by_person")
    events = WebhookEvent.objects.order_by("created_at")
    assert [event.kind for event in events] == [
        "ticket.filed",
        "ticket.moved",
        "ticket.extended",
        "ticket.moved",
    ]
    assert events[3].data == {
        "ticket": str(ticket.pk),
        "reference": ticket.reference,
        "from": "under_review",
        "to": "withdrawn",
        "outcome": "",
        "reason": "by_person",
    }
    assert ERIKA not in str([event.data for event in events])


def test_a_letter_carries_a_link_when_somebody_makes_one(
    file_ticket: FileTicket, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = "https://expunge.example/status/abc"
    monkeypatch.setattr(correspondence, "_link_makers", [lambda _: link])
    assert link in (last(file_ticket(payload=person())).body or "")


def test_the_outbox_knows_a_mail_address_when_it_sees_one() -> None:
    assert outbox.is_mail_address(" erika@home.example ")
    assert not outbox.is_mail_address("12 River Street")
