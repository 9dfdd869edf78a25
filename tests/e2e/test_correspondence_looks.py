"""The pages of letters, webhooks and recipients as people see them."""

from __future__ import annotations

import hashlib
import secrets
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
from expunge.tickets.recipient_models import RecipientNotice
from expunge.tickets.recipients import RecipientFields, recipient_add
from tests.e2e.conftest import SignIn
from tests.e2e.test_looks import look, opened
from tests.expunge.factories import PASSWORD, People
from tests.expunge.tour import tour

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


def told(cast: People, folder: Path, token: str) -> None:
    """Tell a recipient of an erasure, by a link with this token."""
    there = tour(cast, folder)
    fields = RecipientFields(
        "Northern Clinics",
        "deployer",
        "privacy@north.example",
        model_ids=(there.original.model_id,),
    )
    made = recipient_add(actor=cast.alice, controller_id=cast.controller.pk, fields=fields)
    RecipientNotice.objects.create(
        ticket=there.tickets["closed"],
        recipient=made,
        concerned=["Ward assistant", "Discharge letters"],
        digest=hashlib.sha256(token.encode()).digest(),
        notified_at=made.created_at,
    )


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


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_a_recipient_confirms_and_a_secret_is_shown_once(  # noqa: PLR0913, PLR0917 - what it needs
    sign_in: SignIn, cast: People, pictures: Path, tmp_path: Path, width: int, scheme: str
) -> None:
    token = secrets.token_urlsafe(24)
    told(cast, tmp_path, token)
    page = sign_in(cast.ada, width=width, scheme=scheme)
    kind = f"{width}-{scheme}"
    page.goto(f"/recipients/confirm/{token}/")
    wrong = look(page, f"recipient-confirm-{kind}", pictures)
    page.get_by_role("button", name="We received this").click()
    page.get_by_text("Thank you; nothing more is needed.").wait_for()
    wrong += look(page, f"recipient-confirmed-{kind}", pictures)

    hook = endpoint(cast)
    page.goto(f"/webhooks/{hook.pk}/")
    opened(page)
    page.get_by_role("button", name="New secret").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("It is not shown again.").wait_for()
    assert "whsec_" in page.content()
    wrong += look(page, f"webhook-secret-{kind}", pictures)
    page.get_by_role("link", name="I have kept it").click()
    page.get_by_role("heading", name="Ticket system").wait_for()
    assert "whsec_" not in page.content()
    assert not wrong
