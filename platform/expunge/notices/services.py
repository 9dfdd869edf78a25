"""Putting letters and events into the outbox, in the transaction of what they tell about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction

from expunge.accounts.models import Controller
from expunge.common.clock import now
from expunge.notices import queue
from expunge.notices.kinds import EventKind, Language, NoticeKind
from expunge.notices.letters import letter_write
from expunge.notices.models import (
    Notice,
    OutboxState,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    new_message_id,
)
from expunge.notices.wording import wording_of

CODE = re.compile(r"[A-Za-z0-9_.:+-]{0,80}")


def mail_send(  # noqa: PLR0913 - a letter is queued once, whole
    *,
    kind: NoticeKind,
    controller_id: UUID,
    recipient: str,
    language: str = "en",
    context: Mapping[str, str],
    ticket_id: UUID | None,
) -> Notice:
    """Write a letter and queue it, in the caller's transaction.

    ``context`` holds the values of the kind's placeholders (:data:`letters.FORMS`);
    ``organisation`` is filled in where it is missing. A recipient that is no mail address makes a
    letter that waits for a person to send it by hand.

    Raises:
        TransactionManagementError: There is no transaction.
        ValueError: A value that the kind needs is not there.
    """
    _in_transaction()
    spoken = language if language in Language.values else Language.ENGLISH
    values = dict(context)
    if "organisation" not in values:
        values["organisation"] = Controller.objects.get(pk=controller_id).name
    letter = letter_write(kind, wording_of(controller_id, kind, spoken), values)
    by_mail = is_mail_address(recipient)
    notice = Notice.objects.create(
        controller_id=controller_id,
        kind=kind,
        language=spoken,
        ticket_id=ticket_id,
        message_id=new_message_id(settings.EXPUNGE_MAIL_DOMAIN),
        recipient=recipient.strip(),
        subject=letter.subject,
        body=letter.body,
        state=OutboxState.QUEUED if by_mail else OutboxState.BY_HAND,
        due_at=now(),
    )
    if by_mail:
        queue.enqueue_on_commit(queue.NOTICE_SEND, notice.pk)
    return notice


def notice_unwritten(
    *, kind: NoticeKind, controller_id: UUID, language: str, ticket_id: UUID | None
) -> Notice:
    """Record, for all to see, that a letter which was due could not be written."""
    moment = now()
    return Notice.objects.create(
        controller_id=controller_id,
        kind=kind,
        language=language,
        ticket_id=ticket_id,
        message_id=new_message_id(settings.EXPUNGE_MAIL_DOMAIN),
        state=OutboxState.FAILED,
        error="not_written",
        due_at=moment,
        ended_at=moment,
    )


def event_emit(
    *,
    kind: EventKind,
    controller_id: UUID,
    subject: Mapping[str, str],
    data: Mapping[str, Any],
    only: WebhookEndpoint | None = None,
) -> WebhookEvent | None:
    """Queue an event for every endpoint that wants its kind, in the caller's transaction.

    ``subject`` holds ids, ``data`` codes, numbers, dates and truth values: nothing personal and
    no free text. With ``only`` the event is for that endpoint, whatever kinds it wants. Returns
    ``None`` when nobody listens.

    Raises:
        TransactionManagementError: There is no transaction.
        ValueError: Something in it is neither an id nor a code.
    """
    _in_transaction()
    payload = {**{name: str(UUID(str(item))) for name, item in subject.items()}, **_codes(data)}
    endpoints = WebhookEndpoint.objects.filter(controller_id=controller_id, enabled=True)
    chosen = {"kinds__contains": [str(kind)]} if only is None else {"pk": only.pk}
    wanted = list(endpoints.filter(**chosen))
    if not wanted:
        return None
    event = WebhookEvent.objects.create(
        controller_id=controller_id, kind=kind, occurred_at=now(), data=payload
    )
    for endpoint in wanted:
        delivery_queue(endpoint, event)
    return event


def is_heard(kind: EventKind, controller_id: UUID) -> bool:
    """Say whether any endpoint of an organisation wants to be told of a kind."""
    endpoints = WebhookEndpoint.objects.filter(controller_id=controller_id, enabled=True)
    return endpoints.filter(kinds__contains=[str(kind)]).exists()


def delivery_queue(endpoint: WebhookEndpoint, event: WebhookEvent) -> WebhookDelivery:
    """Queue one event for one endpoint."""
    delivery = WebhookDelivery.objects.create(endpoint=endpoint, event=event, due_at=now())
    queue.enqueue_on_commit(queue.DELIVERY_SEND, delivery.pk)
    return delivery


def is_mail_address(contact: str) -> bool:
    """Say whether a contact can be reached by mail."""
    try:
        validate_email(contact.strip())
    except ValidationError:
        return False
    return True


def _codes(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _code(name, value) for name, value in data.items()}


def _code(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, list | tuple):
        return [_code(name, item) for item in value]
    if not CODE.fullmatch(str(value)):
        raise ValueError(f"the field {name!r} of an event is no code")
    return str(value)


def _in_transaction() -> None:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "a row of the outbox belongs to the transaction of what it tells about"
        )
