"""The pages of letters, webhooks and recipients: who sees them, and what they do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from expunge.accounts.permissions import Permission
from expunge.notices.kinds import NoticeKind
from expunge.notices.letters import SAMPLES
from expunge.notices.models import Notice, OutboxState, WebhookDelivery, WebhookEndpoint
from expunge.notices.services import mail_send
from expunge.registry.models import ModelVersion
from expunge.tickets.recipient_models import Recipient, RecipientNotice
from expunge.web.public import limits
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People, leaves
from tests.expunge.tickets.walk import certified
from tests.expunge.web.conftest import SignedIn
from tests.expunge.web.test_pages import INLINE

OTHERS = ("alice", "bob", "carol", "dora", "mallory")


@pytest.fixture
def by_hand(cast: People) -> Notice:
    with transaction.atomic():
        return mail_send(
            kind=NoticeKind.REFUSAL,
            controller_id=cast.controller.pk,
            recipient="12 River Street",
            context={**SAMPLES, "person": "Erika Mustermann"},
            ticket_id=None,
        )


def fine(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    text = response.content.decode()
    assert not INLINE.findall(text), address
    return text


def test_letters_that_look_alike_are_told_by_their_ticket(
    cast: People, signed_in: SignedIn, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()
    for who in (cast.alice, cast.ada):
        may = who.may(Permission.TICKET_VIEW, cast.controller.pk)
        page = fine(signed_in(who), "/correspondence/")
        assert "Acknowledgement of receipt" in page and (ticket.reference in page) is may


def test_a_letter_by_hand_is_shown_to_the_officer_and_marked_sent(
    cast: People, signed_in: SignedIn, by_hand: Notice
) -> None:
    alice = signed_in(cast.alice)
    assert "To be sent by hand" in fine(alice, "/correspondence/")
    text = fine(alice, f"/correspondence/{by_hand.pk}/")
    assert "12 River Street" in text and "Erika Mustermann" in text
    alice.post(f"/correspondence/{by_hand.pk}/sent/")
    by_hand.refresh_from_db()
    assert cast.alice.user is not None
    assert (by_hand.state, by_hand.sent_by_id, by_hand.body) == (
        OutboxState.SENT,
        cast.alice.user.pk,
        None,
    )
    assert leaves("notice.sent_by_hand")[0]["actor"] == cast.alice.pseudonym
    assert "Erika Mustermann" not in fine(alice, f"/correspondence/{by_hand.pk}/")


def test_the_administrator_sees_that_a_letter_waits_and_not_what_it_says(
    cast: People, signed_in: SignedIn, by_hand: Notice
) -> None:
    ada = signed_in(cast.ada)
    text = fine(ada, f"/correspondence/{by_hand.pk}/")
    assert "River Street" not in text and "Erika" not in text
    assert ada.post(f"/correspondence/{by_hand.pk}/sent/").status_code == 403


@pytest.mark.parametrize("who", ["bob", "carol", "dora", "mallory"])
def test_a_letter_is_unknown_to_everybody_else(
    cast: People, signed_in: SignedIn, by_hand: Notice, who: str
) -> None:
    client = signed_in(getattr(cast, who))
    assert client.get(f"/correspondence/{by_hand.pk}/").status_code == 404
    assert client.post(f"/correspondence/{by_hand.pk}/sent/").status_code == 404
    assert str(by_hand.pk) not in client.get("/correspondence/").content.decode()


def test_a_failed_letter_is_tried_again_by_hand(
    cast: People, signed_in: SignedIn, by_hand: Notice
) -> None:
    Notice.objects.update(state=OutboxState.FAILED, error="refused_550")
    alice = signed_in(cast.alice)
    assert "refused_550" in fine(alice, "/correspondence/?state=failed")
    alice.post(f"/correspondence/{by_hand.pk}/retry/")
    by_hand.refresh_from_db()
    assert (by_hand.state, by_hand.tries) == (OutboxState.QUEUED, 0)
    assert leaves("notice.retried")


def test_a_text_is_previewed_saved_and_set_back(cast: People, signed_in: SignedIn) -> None:
    ada = signed_in(cast.ada)
    fine(ada, f"/administration/{cast.controller.pk}/letters/")
    address = f"/administration/{cast.controller.pk}/letters/acknowledgement/en/"
    assert "Erika Mustermann" in fine(ada, address)
    words = {"subject": "Got it", "body": "{reference} by {due_on} <b>"}
    shown = ada.post(address, {**words, "preview": "1"}).content.decode()
    assert "EX-7KQ2M-PN4XW by 2026-04-07 &lt;b&gt;" in shown
    assert ada.post(address, {**words, "save": "1"}).status_code == 302
    assert "Got it" in fine(ada, address)
    wrong = ada.post(address, {"subject": "S", "body": "{{ 7|add:7 }}", "save": "1"})
    assert wrong.status_code == 422 and "brace" in wrong.content.decode()
    ada.post(f"{address}reset/")
    assert "Got it" not in re.findall(r"<textarea.*?</textarea>", fine(ada, address), re.DOTALL)[0]
    assert leaves("notice_template.changed") and leaves("notice_template.reset")


@pytest.mark.parametrize("who", OTHERS)
def test_texts_and_webhooks_are_unknown_to_everybody_else(
    cast: People, signed_in: SignedIn, who: str
) -> None:
    client = signed_in(getattr(cast, who))
    here = f"/administration/{cast.controller.pk}"
    for part in ("letters/", "letters/acknowledgement/en/", "webhooks/"):
        assert client.get(f"{here}/{part}").status_code == 404, part
    assert client.post(f"{here}/letters/acknowledgement/en/reset/").status_code == 404


@pytest.fixture
def endpoint(cast: People) -> WebhookEndpoint:
    assert cast.ada.user is not None
    return WebhookEndpoint.objects.create(
        controller=cast.controller,
        name="Desk",
        url="http://127.0.0.1:9/hook",
        secret="whsec_AAAA",
        kinds=["ticket.moved"],
        created_by=cast.ada.user,
    )


def test_an_endpoint_is_shown_tried_and_switched_off(
    cast: People, signed_in: SignedIn, endpoint: WebhookEndpoint
) -> None:
    ada = signed_in(cast.ada)
    assert "Desk" in fine(ada, f"/administration/{cast.controller.pk}/webhooks/")
    ada.post(f"/webhooks/{endpoint.pk}/test/")
    text = fine(ada, f"/webhooks/{endpoint.pk}/")
    assert "endpoint.test" in text and "whsec_" not in text
    delivery = WebhookDelivery.objects.get()
    WebhookDelivery.objects.update(state=OutboxState.FAILED)
    ada.post(f"/deliveries/{delivery.pk}/again/")
    delivery.refresh_from_db()
    assert delivery.state == OutboxState.QUEUED
    ada.post(f"/webhooks/{endpoint.pk}/disable/")
    endpoint.refresh_from_db()
    assert not endpoint.enabled


@pytest.mark.parametrize("who", OTHERS)
def test_an_endpoint_is_unknown_to_everybody_else(
    cast: People, signed_in: SignedIn, endpoint: WebhookEndpoint, who: str
) -> None:
    client = signed_in(getattr(cast, who))
    assert client.get(f"/webhooks/{endpoint.pk}/").status_code == 404
    for task in ("test", "disable", "enable"):
        assert client.post(f"/webhooks/{endpoint.pk}/{task}/").status_code == 404


def test_a_recipient_is_added_told_and_confirms_by_the_link(
    cast: People, signed_in: SignedIn, original: ModelVersion, file_ticket: FileTicket
) -> None:
    alice = signed_in(cast.alice)
    fine(alice, "/recipients/")
    address = f"/recipients/new/{cast.controller.pk}/"
    fine(alice, address)
    given: dict[str, Any] = {
        "name": "Northern Clinics",
        "role": "deployer",
        "contact": "privacy@north.example",
        "language": "en",
        "model_ids": [str(original.model_id)],
    }
    assert alice.post(address, given).status_code == 302
    recipient = Recipient.objects.get()
    fine(alice, f"/recipients/{recipient.pk}/")
    ticket = certified(cast, file_ticket())
    notice = RecipientNotice.objects.get(ticket=ticket)
    assert "Northern Clinics" in fine(alice, f"/tickets/{ticket.pk}/")
    assert "Not yet answered" in fine(alice, "/recipients/")
    body = Notice.objects.get(kind=NoticeKind.RECIPIENT).body or ""
    (link,) = re.findall(r"https?://\S+(/recipients/confirm/\S+)", body)
    assert "Erika" not in body and original.model.name in body
    stranger = Client()
    fine(stranger, link)
    stranger.post(link)
    notice.refresh_from_db()
    assert notice.acknowledged_at is not None
    assert "Not yet answered" not in fine(alice, "/recipients/")
    assert stranger.get("/recipients/confirm/guess/").status_code == 404


def test_guessing_the_links_of_recipients_is_bounded_by_address(cast: People) -> None:
    guess = "/recipients/confirm/guess/"
    for _ in range(limits.TRIED_FROM.most):
        assert Client().get(guess).status_code == 404
    assert Client().get(guess).status_code == Client().post(guess).status_code == 429
    elsewhere = Client(REMOTE_ADDR="203.0.113.9")
    assert elsewhere.get(guess).status_code == 404
