"""Endpoints hear of documents in the same transaction, by ids and codes alone."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import pytest

from expunge.accounts.permissions import Actor
from expunge.certificates import revocation, services
from expunge.certificates.facts import RecipientFacts
from expunge.certificates.models import Certificate, Status
from expunge.certificates.services import certificate_issue, certificate_revoke
from expunge.notices.endpoints import endpoint_create
from expunge.notices.kinds import EventKind
from expunge.notices.models import WebhookDelivery, WebhookEvent
from tests.expunge.certificates.samples import FACTS
from tests.expunge.factories import People, leaves

pytestmark = pytest.mark.django_db(transaction=True)
KINDS = [EventKind.CERTIFICATE_ISSUED, EventKind.CERTIFICATE_REVOKED]
PERSONAL = replace(FACTS, recipients=(RecipientFacts("Erika Mustermann"),))


@pytest.fixture
def hook(cast: People) -> None:
    """Let an endpoint listen."""
    endpoint_create(
        actor=cast.ada,
        controller_id=cast.controller.pk,
        name="Hook",
        url="http://127.0.0.1:9/",
        kinds=[str(kind) for kind in KINDS],
    )


def issue(cast: People, worker: Actor, ticket_id: UUID | None = None) -> Certificate:
    return certificate_issue(
        facts=PERSONAL,
        ticket_id=ticket_id or uuid4(),
        controller_id=cast.controller.pk,
        actor=worker,
    )


def revoke(cast: People, certificate: Certificate) -> None:
    certificate_revoke(
        actor=cast.alice,
        certificate_id=certificate.pk,
        reason="issued_in_error",
        text="Erika Mustermann was never a patient.",
    )


def test_endpoints_hear_ids_and_codes_of_issuing_and_revoking(
    cast: People, worker: Actor, fast: None, hook: None
) -> None:
    certificate = issue(cast, worker)
    revoke(cast, certificate)
    revoked, issued = WebhookEvent.objects.order_by("-created_at")
    about = {
        "certificate": str(certificate.pk),
        "ticket": str(certificate.ticket_id),
        "number": certificate.number,
    }
    assert issued.kind == EventKind.CERTIFICATE_ISSUED
    assert issued.data == {**about, "kind": certificate.kind}
    assert revoked.kind == EventKind.CERTIFICATE_REVOKED
    assert revoked.data == {**about, "reason": "issued_in_error"}
    assert WebhookDelivery.objects.count() == 2
    for event in (issued, revoked):
        assert event.controller_id == cast.controller.pk
        assert "Erika" not in str(event.data) and cast.alice.pseudonym not in str(event.data)


def test_a_document_is_announced_once_and_not_to_others(
    cast: People, worker: Actor, fast: None, hook: None
) -> None:
    certificate = issue(cast, worker)
    assert issue(cast, worker, certificate.ticket_id) == certificate
    certificate_issue(
        facts=PERSONAL, ticket_id=uuid4(), controller_id=cast.elsewhere.pk, actor=worker
    )
    (event,) = WebhookEvent.objects.all()
    assert event.data["certificate"] == str(certificate.pk)


@pytest.mark.parametrize("room", [services, revocation])
def test_what_cannot_be_announced_has_not_happened(  # noqa: PLR0913, PLR0917 - what it needs
    cast: People,
    worker: Actor,
    fast: None,
    hook: None,
    monkeypatch: pytest.MonkeyPatch,
    room: ModuleType,
) -> None:
    """The row, the leaf and the event stand or fall together."""
    given: Any = issue(cast, worker) if room is revocation else None
    told = WebhookEvent.objects.count()

    def broken(**_: object) -> None:
        raise OSError("the outbox is gone")

    monkeypatch.setattr(room, "event_emit", broken)
    with pytest.raises(OSError, match="outbox"):
        revoke(cast, given) if given else issue(cast, worker)
    found = Certificate.objects.get()
    if given:
        assert not found.is_revoked and not leaves("certificate.revoked")
    else:
        assert found.status != Status.ISSUED and not leaves("certificate.issued")
    assert WebhookEvent.objects.count() == told
