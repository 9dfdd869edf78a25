"""A real web process, worker, beat, mail server and receiver: what is asked for happens by itself.

Nothing here calls a service, a task or a sweep; only the two libraries are doubles.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from standardwebhooks.webhooks import Webhook

from expunge.audit.selectors import log_verify
from expunge.certificates.models import Certificate
from expunge.common.clock import now
from expunge.containment.models import ContainmentBundle
from expunge.jobs.models import Reverification
from expunge.notices.kinds import EventKind
from expunge.notices.models import Notice, OutboxState
from expunge.protocols.opendsr.signing import signing_credential
from expunge.registry.models import DatasetVersion, ModelVersion, ScopeNode
from expunge.registry.selectors import scope_search
from expunge.subjects.models import IdentityReminder, IntakeRequest
from tests.expunge.conftest import RegisterVersion
from tests.expunge.factories import SYSTEM
from tests.expunge.jobs.workplace import eventually
from tests.expunge.live.site import Site
from tests.expunge.notices.conftest import Made

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.broker,
]
MAIL, LATE = "erika@home.example", "max@home.example"
CALLBACK = "/callback"


def test_a_request_by_protocol_runs_to_its_certificate_and_everybody_is_told(
    site: Site,
    original: ModelVersion,
    erika: ScopeNode,
    make_endpoint: Callable[..., Made],
    register_version: RegisterVersion,
) -> None:
    kinds = [kind for kind in EventKind if kind is not EventKind.TEST]
    _, secret = make_endpoint(kinds=kinds)
    ticket_id = _entered_by_protocol(site, erika)
    site.comes_to(ticket_id, "under_review")
    site.library.hold("unlearning")
    site.as_("alice").post(f"tickets/{ticket_id}/submit", text="The ground applies.")
    site.as_("bob").post(f"tickets/{ticket_id}/approve", text="Agreed.")
    bundle = eventually(ContainmentBundle.objects.first, "containment to be published")
    assert bundle.withdrawn_at is None and bundle.model_version == original
    site.library.release("unlearning")
    ticket = site.comes_to(ticket_id, "closed")
    assert ticket.outcome == "certified"
    _letters_arrive(site)
    _containment_ends(bundle)
    _webhooks_arrive(site, secret)
    _callbacks_arrive(site)
    _checked_on_the_next_version(site, register_version, ticket.jobs.get().result)
    assert log_verify().faults == ()


def test_a_person_who_never_shows_who_they_are_is_reminded_and_then_the_request_ends(
    site: Site, patients: DatasetVersion
) -> None:
    (node,) = scope_search(SYSTEM, patients.dataset_id, "Max Beispiel")
    filed = site.as_("carol").post(
        "tickets",
        201,
        regime="gdpr",
        ground="consent_withdrawn",
        nodes=[str(node.pk)],
        subject_name="Max Beispiel",
        contact=LATE,
        received_at=(now() - timedelta(days=365)).isoformat(),
    )
    eventually(IdentityReminder.objects.first, "the reminder")
    eventually(lambda: len(site.letters_to(LATE)) == 2, "the reminder to arrive")
    assert filed["state"] == "identity_pending"
    IdentityReminder.objects.update(created_at=now() - timedelta(days=30))
    site.comes_to(filed["id"], "expired")
    eventually(lambda: len(site.letters_to(LATE)) == 3, "the letter about the end")


def _entered_by_protocol(site: Site, erika: ScopeNode) -> str:
    carol = site.as_("carol")
    entered = carol.client.post(
        "/opendsr/v2/requests",
        json={
            "regulation": "gdpr",
            "subject_request_id": str(uuid4()),
            "subject_request_type": "erasure",
            "submitted_time": (now() - timedelta(days=1)).isoformat(),
            "subject_identities": [
                {"identity_type": "email", "identity_value": MAIL, "identity_format": "raw"}
            ],
            "status_callback_urls": [site.receiver.url.replace("/hook", CALLBACK)],
        },
    )
    assert entered.status_code == 201, entered.text
    filed = carol.post(
        f"intakes/{IntakeRequest.objects.get().pk}/ticket",
        201,
        regime="gdpr",
        ground="consent_withdrawn",
        nodes=[str(erika.pk)],
        subject_name="Erika Mustermann",
        contact=MAIL,
    )
    return str(filed["ticket"])


def _letters_arrive(site: Site) -> None:
    eventually(lambda: len(site.letters_to(MAIL)) == 2, "receipt and completion to arrive")
    eventually(
        lambda: not Notice.objects.exclude(state=OutboxState.SENT).exists(), "nothing to wait"
    )
    assert Notice.objects.filter(body__isnull=False).count() == 0


def _containment_ends(bundle: ContainmentBundle) -> None:
    ended = ContainmentBundle.objects.filter(withdrawn_at__isnull=False)
    eventually(ended.exists, "containment to be withdrawn")
    bundle.refresh_from_db()
    assert (bundle.reason, bundle.document) == ("certified", None)


def _webhooks_arrive(site: Site, secret: str) -> None:
    wanted = {
        "ticket.filed",
        "ticket.moved",
        "certificate.issued",
        "containment.published",
        "containment.withdrawn",
    }

    def told() -> set[str]:
        sent = zip(site.receiver.paths, list(site.receiver.got), strict=False)
        return {
            Webhook(secret).verify(body, headers)["type"]
            for path, (headers, body) in sent
            if path != CALLBACK
        }

    eventually(lambda: wanted <= told(), "every kind of event to arrive, signed")


def _callbacks_arrive(site: Site) -> None:
    key = signing_credential().certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)

    def told() -> list[str]:
        sent = zip(site.receiver.paths, list(site.receiver.got), strict=False)
        calls = [what for path, what in sent if path == CALLBACK]
        for headers, body in calls:
            signature = base64.b64decode(headers["x-opendsr-signature"])
            key.verify(signature, body, padding.PKCS1v15(), hashes.SHA256())
        return [json.loads(body)["request_status"] for _, body in calls]

    eventually(lambda: "completed" in told(), "the callback that says completed")


def _checked_on_the_next_version(
    site: Site, register_version: RegisterVersion, result: ModelVersion | None
) -> None:
    later = register_version(parent=result)
    eventually(Reverification.objects.exclude(state="queued").first, "the check to begin")
    eventually(Reverification.objects.filter(state="held_up").first, "the check to end")
    assert Reverification.objects.get().version == later
    assert not Certificate.objects.get().is_revoked
