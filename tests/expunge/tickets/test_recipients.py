"""Who received what, and who was told of an erasure: rights, leaves and answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from expunge.accounts.permissions import Actor
from expunge.common.errors import ConflictError, DomainError, InvalidInputError, NotFoundError
from expunge.notices.endpoints import endpoint_create
from expunge.notices.kinds import NoticeKind
from expunge.notices.models import Notice, WebhookEvent
from expunge.registry.models import DatasetVersion, ModelVersion
from expunge.tickets.recipient_models import Recipient, RecipientNotice
from expunge.tickets.recipient_notices import (
    recipient_acknowledge,
    recipient_acknowledge_by_link,
    recipient_excuse,
    recipient_notices,
)
from expunge.tickets.recipients import (
    RecipientFields,
    recipient_add,
    recipient_change,
    recipient_retire,
    recipients_visible,
)
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People, leaves
from tests.expunge.tickets.walk import certified

KEEPERS = ("alice", "ada")
STRANGERS = ("bob", "carol", "dora", "mallory")
Add = Callable[..., Recipient]


def fields(**given: Any) -> RecipientFields:
    defaults = {"name": "Northern Clinics", "role": "deployer", "contact": "p@north.example"}
    return RecipientFields(**{**defaults, **given})


@pytest.fixture
def add(cast: People, original: ModelVersion) -> Add:
    def make(**given: Any) -> Recipient:
        actor = given.pop("actor", cast.alice)
        return recipient_add(
            actor=actor,
            controller_id=cast.controller.pk,
            fields=fields(**{"model_ids": (original.model_id,), **given}),
        )

    return make


@pytest.mark.parametrize("who", KEEPERS)
def test_officer_and_administrator_keep_recipients(cast: People, add: Add, who: str) -> None:
    actor = getattr(cast, who)
    recipient = add(actor=actor)
    changed = fields(
        name="Renamed", model_ids=[item.pk for item in recipient.received.all()], role="processor"
    )
    recipient_change(actor=actor, recipient_id=recipient.pk, fields=changed)
    recipient_retire(actor=actor, recipient_id=recipient.pk)
    assert not recipients_visible(actor).exists()
    for action in ("added", "changed", "retired"):
        (leaf,) = leaves(f"recipient.{action}")
        assert leaf["actor"] == actor.pseudonym and "north" not in str(leaf)


@pytest.mark.parametrize("who", STRANGERS)
def test_nobody_else_keeps_or_sees_recipients(cast: People, add: Add, who: str) -> None:
    recipient, actor = add(), getattr(cast, who)
    attempts: tuple[Callable[[Actor], object], ...] = (
        lambda a: add(actor=a, name="Another"),
        lambda a: recipient_change(actor=a, recipient_id=recipient.pk, fields=fields()),
        lambda a: recipient_retire(actor=a, recipient_id=recipient.pk),
    )
    for attempt in attempts:
        with pytest.raises(NotFoundError):
            attempt(actor)
    assert not recipients_visible(actor).exists()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"name": " "}, "name_missing"),
        ({"contact": ""}, "contact_missing"),
        ({"role": "friend"}, "role_unknown"),
        ({"language": "xx"}, "language_unknown"),
        ({"model_ids": ()}, "nothing_received"),
        ({"dataset_ids": (uuid4(),)}, "received_unknown"),
        ({"endpoint_id": uuid4()}, "received_unknown"),
    ],
)
def test_a_recipient_that_makes_no_sense_is_refused(
    add: Add, given: dict[str, Any], code: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        add(**given)
    assert caught.value.code == code


def test_a_name_is_used_once(add: Add) -> None:
    add()
    with pytest.raises(ConflictError):
        add()


def test_everyone_who_received_the_model_or_the_data_is_told_once(
    cast: People,
    add: Add,
    patients: DatasetVersion,
    file_ticket: FileTicket,
) -> None:
    hook, _ = endpoint_create(
        actor=cast.ada,
        controller_id=cast.controller.pk,
        name="Hook",
        url="http://127.0.0.1:9/",
        kinds=["ticket.filed"],
    )
    by_model = add(endpoint_id=hook.pk)
    by_data = add(name="Data House", model_ids=(), dataset_ids=(patients.dataset_id,))
    gone = add(name="Gone")
    recipient_retire(actor=cast.alice, recipient_id=gone.pk)
    ticket = certified(cast, file_ticket())
    told = RecipientNotice.objects.filter(ticket=ticket)
    assert {row.recipient_id for row in told} == {by_model.pk, by_data.pk}
    assert Notice.objects.filter(kind=NoticeKind.RECIPIENT, ticket_id=ticket.pk).count() == 2
    event = WebhookEvent.objects.get(kind="recipient.notified")
    assert event.data["ticket"] == str(ticket.pk)
    bodies = [notice.body or "" for notice in Notice.objects.filter(kind=NoticeKind.RECIPIENT)]
    assert not any("Erika" in body for body in bodies)
    assert len(leaves("recipient.notified")) == 2


@pytest.fixture
def row(cast: People, add: Add, file_ticket: FileTicket) -> RecipientNotice:
    add()
    return RecipientNotice.objects.get(ticket=certified(cast, file_ticket()))


def test_a_row_stays_open_until_it_is_settled(cast: People, row: RecipientNotice) -> None:
    assert list(recipient_notices(cast.alice, open_only=True)) == [row]
    recipient_acknowledge(actor=cast.alice, notice_id=row.pk)
    recipient_acknowledge(actor=cast.alice, notice_id=row.pk)
    assert not recipient_notices(cast.alice, open_only=True).exists()
    assert len(leaves("recipient.acknowledged")) == 1
    with pytest.raises(ConflictError):
        recipient_excuse(actor=cast.alice, notice_id=row.pk, reason="impossible", text="Why")


@pytest.mark.parametrize("who", ["bob", "carol", "dora", "ada", "mallory"])
def test_only_the_officer_settles_a_row(cast: People, row: RecipientNotice, who: str) -> None:
    actor = getattr(cast, who)
    with pytest.raises(DomainError):
        recipient_acknowledge(actor=actor, notice_id=row.pk)
    with pytest.raises(DomainError):
        recipient_excuse(actor=actor, notice_id=row.pk, reason="impossible", text="Why")


def test_an_excuse_needs_a_code_and_a_text(cast: People, row: RecipientNotice) -> None:
    for reason, text in (("lazy", "Why"), ("disproportionate", " ")):
        with pytest.raises(InvalidInputError):
            recipient_excuse(actor=cast.alice, notice_id=row.pk, reason=reason, text=text)


def test_a_guessed_link_confirms_nothing(row: RecipientNotice) -> None:
    with pytest.raises(NotFoundError):
        recipient_acknowledge_by_link(token=str(row.pk))
    row.refresh_from_db()
    assert row.acknowledged_at is None
