"""Callbacks through a real HTTP server: what arrives, how it is signed, what is tried again."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from contract.canonical import digest_bytes
from expunge.common.clock import now
from expunge.notices.models import OutboxState
from expunge.protocols.callbacks import callback_deliver, request_tell
from expunge.protocols.entrance import request_enter, request_withdraw
from expunge.protocols.models import Callback, Protocol, ProtocolRequest
from expunge.protocols.opendsr.signing import signing_credential
from expunge.subjects.intake_payload import IntakePayload
from tests.expunge.factories import People
from tests.expunge.notices.conftest import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def entered(cast: People, receiver: Receiver, settings: Any) -> ProtocolRequest:
    settings.EXPUNGE_WEBHOOK_LOOPBACK = True
    return request_enter(
        controller_id=cast.controller.pk,
        protocol=Protocol.OPENDSR,
        external_id="a7551968-d5d6-44b2-9831-815ac9017798",
        digest=digest_bytes(b"body"),
        regime="gdpr",
        payload=IntakePayload("erika@home.example"),
        received_at=now(),
        callbacks=[receiver.url],
    )


def test_a_change_arrives_signed_and_names_no_person(
    entered: ProtocolRequest, receiver: Receiver
) -> None:
    request_withdraw(request=entered)
    callback_deliver(Callback.objects.get().pk)
    ((headers, body),) = receiver.got
    key = signing_credential().certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    signature = base64.b64decode(headers["x-opendsr-signature"])
    key.verify(signature, body, padding.PKCS1v15(), hashes.SHA256())
    said = json.loads(body)
    assert said["request_status"] == "cancelled"
    assert said["status_callback_url"] == receiver.url
    assert said["subject_request_id"] == entered.external_id
    assert b"erika" not in body
    assert Callback.objects.get().state == OutboxState.SENT


def test_a_callback_that_fails_is_tried_again(entered: ProtocolRequest, receiver: Receiver) -> None:
    receiver.status = 503
    request_withdraw(request=entered)
    callback_deliver(Callback.objects.get().pk)
    row = Callback.objects.get()
    assert (row.state, row.error) == (OutboxState.QUEUED, "status_503")
    assert row.due_at > now()


def test_what_has_not_changed_is_not_told(entered: ProtocolRequest) -> None:
    request_tell(request_id=entered.pk)
    request_tell(request_id=entered.pk)
    assert not Callback.objects.exists()


def test_a_callback_is_sent_once(entered: ProtocolRequest, receiver: Receiver) -> None:
    request_withdraw(request=entered)
    row = Callback.objects.get()
    callback_deliver(row.pk)
    callback_deliver(row.pk)
    assert len(receiver.got) == 1
