"""Webhooks, letters, wordings and recipients by API."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from expunge.notices.kinds import NoticeKind
from expunge.notices.letters import SAMPLES
from expunge.notices.models import Notice, OutboxState, WebhookDelivery
from expunge.notices.services import mail_send
from expunge.registry.models import ModelVersion
from expunge.tickets.recipient_models import RecipientNotice
from tests.expunge.api.conftest import AsScript
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People, leaves
from tests.expunge.tickets.walk import certified

HOOK: dict[str, Any] = {
    "name": "Desk",
    "url": "http://127.0.0.1:9/hook",
    "kinds": ["ticket.moved"],
}


def test_an_endpoint_lives_by_api(script: AsScript, cast: People) -> None:
    ada = script(cast.ada)
    made = ada.post("webhooks", HOOK)
    assert made.status_code == 201 and made.json()["secret"].startswith("whsec_")
    here = f"webhooks/{made.json()['id']}"
    assert "secret" not in ada.get(here).json()
    assert ada.post(f"{here}/rotate").json()["secret"] != made.json()["secret"]
    tried = ada.post(f"{here}/test")
    assert tried.status_code == 202
    (delivery,) = ada.get(f"{here}/deliveries").json()["results"]
    assert delivery["kind"] == "endpoint.test" and delivery["state"] == "queued"
    assert ada.post(f"deliveries/{delivery['id']}/retry").status_code == 409
    WebhookDelivery.objects.update(state=OutboxState.FAILED)
    assert ada.post(f"deliveries/{delivery['id']}/retry").json()["state"] == "queued"
    assert ada.post(f"{here}/disable").json()["enabled"] is False
    assert ada.post(f"{here}/test").json()["code"] == "endpoint_disabled"
    assert ada.post(f"{here}/enable").json()["enabled"] is True
    assert ada.delete(here).status_code == 204 and ada.get(here).status_code == 404


@pytest.mark.parametrize("url", ["ftp://x.example/", "https://u:p@x.example/", "nonsense"])
def test_an_address_that_is_never_called_is_refused(
    script: AsScript, cast: People, url: str
) -> None:
    refused = script(cast.ada).post("webhooks", {**HOOK, "url": url})
    assert refused.status_code == 422 and refused.json()["code"] == "url_refused"


@pytest.mark.parametrize("who", ["alice", "bob", "carol", "dora"])
def test_endpoints_and_wordings_need_the_administrator(
    script: AsScript, cast: People, who: str
) -> None:
    caller = script(getattr(cast, who))
    assert caller.get("webhooks").status_code == 403
    assert caller.post("webhooks", HOOK).status_code == 403
    assert caller.get("notice-templates").status_code == 403


def test_a_wording_is_read_saved_and_reset(script: AsScript, cast: People) -> None:
    ada = script(cast.ada)
    assert len(ada.get("notice-templates").json()) == 2 * len(NoticeKind)
    here = "notice-templates/acknowledgement/de"
    body = {"subject": "Eingang", "body": "{reference} bis {due_on}"}
    client = ada._client
    saved = client.put(f"/api/v1/{here}", body, content_type="application/json")
    assert saved.status_code == 200 and saved.json()["is_own"] is True
    wrong = client.put(
        f"/api/v1/{here}", {**body, "body": "{% x %}"}, content_type="application/json"
    )
    assert wrong.status_code == 422
    assert ada.delete(here).status_code == 204
    assert ada.get(here).json()["is_own"] is False


def test_a_letter_is_read_and_marked_sent_by_the_officer_only(
    script: AsScript, cast: People
) -> None:
    with transaction.atomic():
        notice = mail_send(
            kind=NoticeKind.REFUSAL,
            controller_id=cast.controller.pk,
            recipient="12 River Street",
            context=SAMPLES,
            ticket_id=None,
        )
    here = f"notices/{notice.pk}"
    alice, ada, mallory = script(cast.alice), script(cast.ada), script(cast.mallory)
    assert alice.get(here).json()["recipient"] == "12 River Street"
    assert ada.get(here).json()["body"] is None
    assert mallory.get(here).status_code == 404 and mallory.post(f"{here}/sent").status_code == 404
    assert [item["id"] for item in alice.get("notices", state="by_hand").json()["results"]] == [
        str(notice.pk)
    ]
    assert alice.post(f"{here}/retry").status_code == 409
    assert alice.post(f"{here}/sent").json()["state"] == "sent"
    assert Notice.objects.get().body is None


def test_recipients_are_kept_told_and_settled_by_api(
    script: AsScript, cast: People, original: ModelVersion, file_ticket: FileTicket
) -> None:
    alice, mallory = script(cast.alice), script(cast.mallory)
    given = {
        "name": "Northern Clinics",
        "role": "deployer",
        "contact": "privacy@north.example",
        "model_ids": [str(original.model_id)],
    }
    made = alice.post("recipients", given)
    assert made.status_code == 201 and made.json()["model_ids"] == [str(original.model_id)]
    assert mallory.get(f"recipients/{made.json()['id']}").status_code == 404
    assert mallory.post("recipients", given).json()["code"] == "nothing_received"
    ticket = certified(cast, file_ticket())
    (row,) = alice.get("recipient-notices", ticket=str(ticket.pk)).json()["results"]
    assert row["acknowledged_at"] is None and row["concerned"] == [original.model.name]
    here = f"recipient-notices/{row['id']}"
    assert mallory.post(f"{here}/acknowledge").status_code == 404
    excuse = {"reason": "disproportionate", "text": "They went out of business."}
    assert alice.post(f"{here}/excuse", excuse).json()["excuse"] == "disproportionate"
    assert alice.post(f"{here}/excuse", excuse).status_code == 409
    assert not alice.get("recipient-notices", open="true").json()["results"]
    assert RecipientNotice.objects.get().excuse_text == "They went out of business."
    assert "business" not in str(leaves("recipient.excused"))
