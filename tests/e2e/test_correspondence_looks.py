"""The pages of letters, webhooks and recipients as people see them."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import transaction

from expunge.notices.kinds import EventKind, NoticeKind
from expunge.notices.letters import SAMPLES
from expunge.notices.models import (
    DeliveryTry,
    Notice,
    OutboxState,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from expunge.notices.services import mail_send
from expunge.registry.services import model_register
from expunge.tickets.recipients import RecipientFields, recipient_add
from tests.e2e.conftest import SignIn
from tests.e2e.test_looks import look, opened
from tests.expunge.factories import People

pytestmark = pytest.mark.browser


def letters(cast: People) -> list[Notice]:
    with transaction.atomic():
        made = [
            mail_send(
                kind=kind,
                controller_id=cast.controller.pk,
                recipient=to,
                context=SAMPLES,
                ticket_id=None,
            )
            for kind, to in (
                (NoticeKind.ACKNOWLEDGEMENT, "erika@home.example"),
                (NoticeKind.EXTENSION, "erika@home.example"),
                (NoticeKind.REFUSAL, "12 River Street, Riverland"),
            )
        ]
    Notice.objects.filter(pk=made[1].pk).update(state=OutboxState.FAILED, error="refused_550")
    return made


def endpoint(cast: People) -> WebhookEndpoint:
    assert cast.ada.user is not None
    made = WebhookEndpoint.objects.create(
        controller=cast.controller,
        name="Ticket system",
        url="https://hooks.riverland.example/expunge/events",
        secret="whsec_AAAA",
        kinds=["ticket.moved", "ticket.filed"],
        created_by=cast.ada.user,
    )
    moment = made.created_at
    for number, (state, status) in enumerate(
        ((OutboxState.SENT, 200), (OutboxState.FAILED, 503), (OutboxState.QUEUED, None))
    ):
        event = WebhookEvent.objects.create(
            controller=cast.controller,
            kind=EventKind.TICKET_MOVED,
            occurred_at=moment,
            data={"number": number},
        )
        delivery = WebhookDelivery.objects.create(
            endpoint=made, event=event, state=state, due_at=moment
        )
        if status:
            DeliveryTry.objects.create(delivery=delivery, status=status, milliseconds=84)
    return made


def recipient(cast: People) -> str:
    model = model_register(actor=cast.carol, controller_id=cast.controller.pk, name="assistant")
    fields = RecipientFields(
        "Northern Clinics", "deployer", "privacy@north.example", model_ids=(model.pk,)
    )
    made = recipient_add(actor=cast.ada, controller_id=cast.controller.pk, fields=fields)
    return f"/recipients/{made.pk}/"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_correspondence_is_accessible_and_fits(
    sign_in: SignIn, cast: People, pictures: Path, width: int, scheme: str
) -> None:
    written, hook = letters(cast), endpoint(cast)
    here = f"/administration/{cast.controller.pk}"
    seen = {
        "alice": {
            "outbox": "/correspondence/",
            "letter-by-hand": f"/correspondence/{written[2].pk}/",
            "letter-failed": f"/correspondence/{written[1].pk}/",
            "recipients": "/recipients/",
            "recipient": recipient(cast),
            "recipient-new": f"/recipients/new/{cast.controller.pk}/",
        },
        "ada": {
            "wordings": f"{here}/letters/",
            "wording": f"{here}/letters/refusal/de/",
            "webhooks": f"{here}/webhooks/",
            "webhook": f"/webhooks/{hook.pk}/",
        },
    }
    wrong: list[str] = []
    for who, pages in seen.items():
        page = sign_in(getattr(cast, who), width=width, scheme=scheme)
        for name, address in pages.items():
            page.goto(address)
            opened(page)
            wrong += look(page, f"{name}-{width}-{scheme}", pictures)
    assert not wrong
