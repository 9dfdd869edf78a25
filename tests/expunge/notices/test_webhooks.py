"""Endpoints and deliveries: signed, thin, retried, logged, and switched off when dead."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection, transaction
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from expunge.accounts.permissions import Actor
from expunge.common.clock import now
from expunge.common.errors import ConflictError, DomainError, NotFoundError
from expunge.notices.endpoints import (
    OVERLAP,
    delivery_retry,
    endpoint_change,
    endpoint_create,
    endpoint_delete,
    endpoint_disable,
    endpoint_enable,
    endpoint_rotate,
    endpoint_test,
)
from expunge.notices.kinds import EventKind
from expunge.notices.models import (
    OutboxState,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from expunge.notices.outbox import WEBHOOK
from expunge.notices.services import event_emit
from expunge.notices.tasks import outbox_sweep
from expunge.notices.webhooks import GIVE_UP, delivery_deliver
from tests.expunge.factories import People, leaves
from tests.expunge.notices.conftest import Made, Receiver

Make = Callable[..., Made]
TICKET = str(uuid4())


def emit(cast: People, **given: Any) -> WebhookEvent | None:
    defaults: dict[str, Any] = {
        "kind": EventKind.TICKET_MOVED,
        "controller_id": cast.controller.pk,
        "subject": {"ticket": TICKET},
        "data": {"from": "approved", "to": "in_progress", "reason": ""},
    }
    return event_emit(**{**defaults, **given})


def test_an_event_is_signed_as_the_standard_library_expects(
    cast: People, make_endpoint: Make, receiver: Receiver
) -> None:
    _, secret = make_endpoint()
    event = emit(cast)
    assert event is not None
    outbox_sweep()
    ((headers, body),) = receiver.got
    payload = Webhook(secret).verify(body, headers)
    assert payload["type"] == "ticket.moved"
    assert payload["data"] == {
        "ticket": TICKET,
        "from": "approved",
        "to": "in_progress",
        "reason": "",
    }
    assert headers["webhook-id"] == f"msg_{event.pk.hex}"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.replace(b"approved", b"rejected"), headers)
    delivery = WebhookDelivery.objects.get()
    assert delivery.state == OutboxState.SENT
    assert [(one.status, one.error) for one in delivery.attempts.all()] == [(200, "")]


def test_during_a_rotation_both_secrets_verify_and_then_only_the_new_one(
    cast: People, make_endpoint: Make, receiver: Receiver
) -> None:
    endpoint, old = make_endpoint()
    _, new = endpoint_rotate(actor=cast.ada, endpoint_id=endpoint.pk)
    assert old != new and new.startswith("whsec_")
    emit(cast)
    outbox_sweep()
    headers, body = receiver.got[-1]
    for secret in (old, new):
        Webhook(secret).verify(body, headers)
    WebhookEndpoint.objects.update(old_until=now() - OVERLAP)
    emit(cast)
    outbox_sweep()
    headers, body = receiver.got[-1]
    Webhook(new).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(body, headers)


def test_secrets_are_encrypted_at_rest_and_in_no_leaf(cast: People, make_endpoint: Make) -> None:
    _, secret = make_endpoint()
    with connection.cursor() as cursor:
        cursor.execute("SELECT w::text FROM notices_webhookendpoint w")
        (row,) = cursor.fetchone()
    assert secret not in row and secret.encode().hex() not in row
    (leaf,) = leaves("webhook.created")
    assert secret not in json.dumps(leaf) and "127.0.0.1" not in json.dumps(leaf)


def test_only_kinds_that_are_wanted_are_sent_and_only_to_the_own_organisation(
    cast: People, make_endpoint: Make, receiver: Receiver
) -> None:
    make_endpoint()
    assert emit(cast, kind=EventKind.ALERT_RAISED) is None
    assert emit(cast, controller_id=cast.elsewhere.pk) is None
    outbox_sweep()
    assert not receiver.got and not WebhookEvent.objects.exists()


@pytest.mark.parametrize(
    ("subject", "data"),
    [
        ({"ticket": "Erika Mustermann"}, {}),
        ({"ticket": TICKET}, {"who": "Erika Mustermann"}),
        ({"ticket": TICKET}, {"contact": "erika@home.example"}),
        ({"ticket": TICKET}, {"list": ["a code", "two"]}),
    ],
)
def test_an_event_takes_ids_and_codes_only(
    cast: People, subject: dict[str, str], data: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"code|hexadecimal"):
        emit(cast, subject=subject, data=data)


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_no_event_is_queued(cast: People) -> None:
    with pytest.raises(transaction.TransactionManagementError):
        emit(cast)


def test_a_failed_delivery_is_tried_again_under_the_same_id_and_given_up_in_the_end(
    cast: People, make_endpoint: Make, receiver: Receiver
) -> None:
    make_endpoint()
    emit(cast)
    receiver.status = 503
    for _ in range(WEBHOOK.tries + 3):
        WebhookDelivery.objects.update(due_at=now())
        outbox_sweep()
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.error) == (OutboxState.FAILED, "status_503")
    assert delivery.attempts.count() == len(receiver.got) == WEBHOOK.tries
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len({body for _, body in receiver.got}) == 1


def test_a_failed_delivery_can_be_sent_again_by_hand(
    cast: People, make_endpoint: Make, receiver: Receiver
) -> None:
    make_endpoint()
    emit(cast)
    delivery = WebhookDelivery.objects.get()
    with pytest.raises(ConflictError):
        delivery_retry(actor=cast.ada, delivery_id=delivery.pk)
    WebhookDelivery.objects.update(state=OutboxState.FAILED)
    delivery_retry(actor=cast.ada, delivery_id=delivery.pk)
    outbox_sweep()
    delivery.refresh_from_db()
    assert delivery.state == OutboxState.SENT and len(receiver.got) == 1
    assert leaves("webhook.redelivered")[0]["data"]["delivery"] == str(delivery.pk)


def test_a_test_event_reaches_the_endpoint_whatever_it_listens_to(
    cast: People, make_endpoint: Make, receiver: Receiver
) -> None:
    endpoint, secret = make_endpoint()
    endpoint_test(actor=cast.ada, endpoint_id=endpoint.pk)
    outbox_sweep()
    ((headers, body),) = receiver.got
    assert Webhook(secret).verify(body, headers)["type"] == "endpoint.test"


def test_an_endpoint_that_fails_for_days_is_switched_off_and_the_administrator_told(
    cast: People, make_endpoint: Make, receiver: Receiver
) -> None:
    endpoint, _ = make_endpoint()
    receiver.status = 500
    emit(cast)
    outbox_sweep()
    endpoint.refresh_from_db()
    assert endpoint.enabled and endpoint.failing_since is not None
    WebhookEndpoint.objects.update(failing_since=now() - GIVE_UP - timedelta(hours=1))
    WebhookDelivery.objects.update(due_at=now())
    outbox_sweep()
    endpoint.refresh_from_db()
    assert not endpoint.enabled and endpoint.disabled_reason == "failing"
    assert leaves("webhook.disabled")[0]["data"] == {"reason": "failing"}
    outbox_sweep()
    (message,) = mail.outbox
    assert cast.ada.user is not None
    assert message.to == [cast.ada.user.email] and "Ticket system" in message.body
    assert emit(cast) is None
    endpoint_enable(actor=cast.ada, endpoint_id=endpoint.pk)
    assert emit(cast) is not None


def test_one_success_ends_a_bad_time(cast: People, make_endpoint: Make, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint()
    WebhookEndpoint.objects.update(failing_since=now() - GIVE_UP)
    emit(cast)
    outbox_sweep()
    endpoint.refresh_from_db()
    assert endpoint.failing_since is None and endpoint.enabled


def test_gone_means_gone(cast: People, make_endpoint: Make, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint()
    receiver.status = 410
    emit(cast)
    outbox_sweep()
    endpoint.refresh_from_db()
    assert (endpoint.enabled, endpoint.disabled_reason) == (False, "gone")
    assert WebhookDelivery.objects.get().state == OutboxState.FAILED


def test_what_waits_for_an_endpoint_that_was_switched_off_is_cancelled(
    cast: People, make_endpoint: Make, receiver: Receiver
) -> None:
    endpoint, _ = make_endpoint()
    emit(cast)
    endpoint_disable(actor=cast.ada, endpoint_id=endpoint.pk)
    outbox_sweep()
    assert WebhookDelivery.objects.get().state == OutboxState.CANCELLED and not receiver.got


def test_a_deleted_endpoint_keeps_no_secret(cast: People, make_endpoint: Make) -> None:
    endpoint, _ = make_endpoint()
    endpoint_delete(actor=cast.ada, endpoint_id=endpoint.pk)
    endpoint.refresh_from_db()
    assert endpoint.secret == "" and emit(cast) is None
    with pytest.raises(NotFoundError):
        endpoint_enable(actor=cast.ada, endpoint_id=endpoint.pk)


def test_one_endpoint_that_fails_does_not_hold_up_another(
    cast: People, make_endpoint: Make, receiver: Receiver
) -> None:
    dead, _ = make_endpoint(url="http://127.0.0.1:9/")
    make_endpoint(name="Second")
    for _ in range(3):
        emit(cast)
    outbox_sweep()
    assert len(receiver.got) == 3
    tried = [d.attempts.count() for d in WebhookDelivery.objects.filter(endpoint=dead)]
    assert sorted(tried) == [0, 0, 1]


MUTATIONS: dict[str, Callable[[Actor, WebhookEndpoint], Any]] = {
    "create": lambda a, e: endpoint_create(
        actor=a, controller_id=e.controller_id, name="N", url=e.url, kinds=["ticket.moved"]
    ),
    "change": lambda a, e: endpoint_change(
        actor=a, endpoint_id=e.pk, name="N", url=e.url, kinds=["ticket.filed"]
    ),
    "rotate": lambda a, e: endpoint_rotate(actor=a, endpoint_id=e.pk),
    "enable": lambda a, e: endpoint_enable(actor=a, endpoint_id=e.pk),
    "disable": lambda a, e: endpoint_disable(actor=a, endpoint_id=e.pk),
    "test": lambda a, e: endpoint_test(actor=a, endpoint_id=e.pk),
    "delete": lambda a, e: endpoint_delete(actor=a, endpoint_id=e.pk),
}
LEAVES = {
    "create": "created", "change": "changed", "rotate": "rotated", "enable": "enabled",
    "disable": "disabled", "test": "tested", "delete": "deleted",
}  # fmt: skip


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("who", ["alice", "bob", "carol", "dora", "mallory"])
def test_nobody_but_the_administrator_touches_an_endpoint(
    cast: People, make_endpoint: Make, mutation: str, who: str
) -> None:
    endpoint, _ = make_endpoint()
    with pytest.raises(DomainError) as caught:
        MUTATIONS[mutation](getattr(cast, who), endpoint)
    assert isinstance(caught.value, NotFoundError)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_change_of_an_endpoint_leaves_a_leaf(
    cast: People, make_endpoint: Make, mutation: str
) -> None:
    endpoint, _ = make_endpoint()
    before = len(leaves(f"webhook.{LEAVES[mutation]}"))
    MUTATIONS[mutation](cast.ada, endpoint)
    (*_, leaf) = leaves(f"webhook.{LEAVES[mutation]}")
    assert len(leaves(f"webhook.{LEAVES[mutation]}")) == before + 1
    assert leaf["actor"] == cast.ada.pseudonym


def test_a_delivery_that_is_claimed_is_not_sent_by_another(
    cast: People, make_endpoint: Make, receiver: Receiver
) -> None:
    make_endpoint()
    emit(cast)
    WebhookDelivery.objects.update(
        state=OutboxState.SENDING, claim=uuid4(), lease_until=now() + timedelta(minutes=1)
    )
    delivery_deliver(WebhookDelivery.objects.get().pk)
    assert not receiver.got
