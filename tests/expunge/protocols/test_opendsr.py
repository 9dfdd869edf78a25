"""OpenDSR 2.0 as its specification has it, section by section; OpenGDPR 1 under its old names."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.test import Client

from expunge.accounts.permissions import Permission
from expunge.accounts.services import token_create
from expunge.audit.models import Leaf
from expunge.common.clock import now
from expunge.protocols.callbacks import requests_open
from expunge.protocols.models import Callback, ProtocolRequest
from expunge.protocols.opendsr.signing import encoded
from expunge.protocols.tasks import protocols_sweep
from expunge.registry.models import ScopeNode
from expunge.subjects.intake import intake_decline, intake_file
from expunge.subjects.models import IdentityCheck, IntakeRequest
from expunge.tickets.payload import TicketPayload
from expunge.tickets.services import ticket_approve, ticket_reject, ticket_submit
from tests.expunge.factories import People, all_leaves

pytestmark = pytest.mark.django_db
ROOT = "/opendsr/v2"
MAIL = "erika@home.example"
Post = Callable[..., Any]


def request(**changes: Any) -> dict[str, Any]:
    return {
        "regulation": "gdpr",
        "subject_request_id": str(uuid4()),
        "subject_request_type": "erasure",
        "submitted_time": (now() - timedelta(days=1)).isoformat(),
        "subject_identities": [
            {"identity_type": "email", "identity_value": MAIL, "identity_format": "raw"}
        ],
        "api_version": "2.0",
        **changes,
    }


@pytest.fixture
def secret(cast: People) -> str:
    return token_create(
        actor=cast.carol,
        controller_id=cast.controller.pk,
        name="dsr",
        scopes=[Permission.TICKET_FILE],
    )[1]


@pytest.fixture
def call(client: Client, secret: str) -> Post:
    def send(method: str, path: str, body: Any = None, token: str = secret) -> Any:
        raw = body if isinstance(body, str) else json.dumps(body) if body is not None else ""
        return client.generic(
            method,
            path,
            raw,
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}"} if token else {},
        )

    return send


@pytest.fixture
def public_key(client: Client) -> rsa.RSAPublicKey:
    address = client.get(f"{ROOT}/discovery").json()["processor_certificate"]
    pem = client.get("/" + address.split("/", 3)[3]).content
    key = x509.load_pem_x509_certificates(pem)[0].public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def check(key: rsa.RSAPublicKey, signature: str, data: bytes) -> None:
    key.verify(base64.b64decode(signature), data, padding.PKCS1v15(), hashes.SHA256())


def test_discovery_says_what_is_supported(client: Client) -> None:
    answer = client.get(f"{ROOT}/discovery")
    assert answer.status_code == 200
    said = answer.json()
    assert said["api_version"] == "2.0"
    assert said["supported_subject_request_types"] == ["erasure"]
    assert {"identity_type": "email", "identity_format": "raw"} in said["supported_identities"]
    assert said["processor_certificate"].startswith("http")


def test_a_request_is_answered_with_201_and_everything_required(call: Post) -> None:
    body = request()
    answer = call("POST", f"{ROOT}/requests", body)
    assert answer.status_code == 201
    said = answer.json()
    assert said["subject_request_id"] == body["subject_request_id"]
    assert json.loads(base64.b64decode(said["encoded_request"])) == body
    assert said.keys() == {
        "controller_id",
        "expected_completion_time",
        "received_time",
        "encoded_request",
        "subject_request_id",
        "processor_signature",
    }


def test_header_and_body_signatures_fit_the_published_certificate(
    call: Post, public_key: rsa.RSAPublicKey
) -> None:
    answer = call("POST", f"{ROOT}/requests", request())
    assert answer["X-OpenDSR-Processor-Domain"] == "127.0.0.1"
    check(public_key, answer["X-OpenDSR-Signature"], answer.content)
    said = answer.json()
    signature = said.pop("processor_signature")
    check(public_key, signature, encoded(said))
    with pytest.raises(InvalidSignature):
        check(public_key, answer["X-OpenDSR-Signature"], answer.content + b" ")


def test_the_request_waits_for_a_person_and_nothing_personal_is_logged(
    call: Post, caplog: pytest.LogCaptureFixture
) -> None:
    body = request()
    call("POST", f"{ROOT}/requests", body)
    intake = IntakeRequest.objects.get()
    assert (intake.standing, intake.regime) == ("waiting", "gdpr")
    assert MAIL.encode() not in bytes(intake.payload)
    assert MAIL.encode() not in all_leaves()
    assert MAIL not in caplog.text
    said = call("GET", f"{ROOT}/requests/{body['subject_request_id']}").json()
    assert said["request_status"] == "pending"


def test_the_same_request_again_is_the_same_request(call: Post) -> None:
    body = request()
    first, second = (call("POST", f"{ROOT}/requests", body) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert ProtocolRequest.objects.count() == 1
    other = call("POST", f"{ROOT}/requests", {**body, "regulation": "ccpa"})
    assert other.status_code == 400
    assert other.json()["error"]["errors"][0]["reason"] == "request_id_used"


@pytest.mark.parametrize(
    "changes",
    [
        {"subject_request_type": "access"},
        {"subject_request_id": str(uuid4()).upper()},
        {"subject_request_id": "a7551968-d5d6-11b2-9831-815ac9017798"},
        {"subject_identities": []},
        {"submitted_time": "yesterday"},
        {"submitted_time": "2100-01-01T00:00:00Z"},
        {"regulation": "lgpd"},
        {"status_callback_urls": ["http://10.0.0.1/hook"]},
        {"status_callback_urls": ["file:///etc/passwd"]},
        {
            "subject_identities": [
                {"identity_type": "email", "identity_value": "x", "identity_format": "md5"}
            ]
        },
    ],
)
def test_a_bad_request_is_answered_with_400_and_an_error_object(
    call: Post, changes: dict[str, Any], settings: Any
) -> None:
    settings.EXPUNGE_WEBHOOK_LOOPBACK = False
    answer = call("POST", f"{ROOT}/requests", request(**changes))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == 400
    assert error["errors"][0]["message"]
    assert MAIL not in answer.content.decode()
    assert not IntakeRequest.objects.exists()


@pytest.mark.parametrize("body", ["", "no json", "[]", '"x"', "{"])
def test_a_body_that_is_no_object_is_answered_with_400(call: Post, body: str) -> None:
    assert call("POST", f"{ROOT}/requests", body).status_code == 400


def test_regulation_may_be_missing_as_in_the_text_s_own_example(call: Post) -> None:
    body = request()
    del body["regulation"]
    assert call("POST", f"{ROOT}/requests", body).status_code == 201


def test_without_a_good_token_nothing_is_taken(call: Post) -> None:
    assert call("POST", f"{ROOT}/requests", request(), token="").status_code == 401
    assert call("POST", f"{ROOT}/requests", request(), token="wrong").status_code == 401
    assert not IntakeRequest.objects.exists()


def test_another_organisation_sees_nothing_of_it(call: Post, cast: People) -> None:
    body = request()
    call("POST", f"{ROOT}/requests", body)
    _, theirs = token_create(
        actor=cast.mallory,
        controller_id=cast.elsewhere.pk,
        name="dsr",
        scopes=[Permission.TICKET_FILE],
    )
    path = f"{ROOT}/requests/{body['subject_request_id']}"
    assert call("GET", path, token=theirs).status_code == 404
    assert call("DELETE", path, token=theirs).status_code == 404
    assert IntakeRequest.objects.get().standing == "waiting"


def test_status_has_an_alias_and_is_signed(call: Post, public_key: rsa.RSAPublicKey) -> None:
    body = request()
    call("POST", f"{ROOT}/requests", body)
    for path in ("requests", "status"):
        answer = call("GET", f"{ROOT}/{path}/{body['subject_request_id']}")
        assert answer.status_code == 200
        check(public_key, answer["X-OpenDSR-Signature"], answer.content)


def test_a_pending_request_is_cancelled_with_202(call: Post, public_key: rsa.RSAPublicKey) -> None:
    body = request()
    call("POST", f"{ROOT}/requests", body)
    path = f"{ROOT}/requests/{body['subject_request_id']}"
    answer = call("DELETE", path)
    assert answer.status_code == 202
    assert answer.json()["subject_request_id"] == body["subject_request_id"]
    check(public_key, answer["X-OpenDSR-Signature"], answer.content)
    assert call("GET", path).json()["request_status"] == "cancelled"
    assert call("DELETE", path).status_code == 400
    intake = IntakeRequest.objects.get()
    assert (intake.standing, bytes(intake.payload)) == ("withdrawn", b"")
    assert Leaf.objects.filter(action="intake.withdrawn").count() == 1


def filed(cast: People, erika: ScopeNode) -> Any:
    return intake_file(
        actor=cast.carol,
        intake_id=IntakeRequest.objects.get().pk,
        regime="gdpr",
        ground="consent_withdrawn",
        node_ids=[erika.pk],
        payload=TicketPayload("Erika Mustermann"),
    )


@pytest.mark.django_db(transaction=True)
def test_the_controller_vouches_for_the_person_and_hears_of_every_change(
    call: Post, cast: People, erika: ScopeNode, settings: Any
) -> None:
    settings.EXPUNGE_WEBHOOK_LOOPBACK = True
    body = request(status_callback_urls=["http://127.0.0.1:9/hook"])
    assert call("POST", f"{ROOT}/requests", body).status_code == 201
    ticket = filed(cast, erika)
    ticket.refresh_from_db()
    assert ticket.state == "under_review"
    assert IdentityCheck.objects.get().method == "agent_attestation"
    path = f"{ROOT}/requests/{body['subject_request_id']}"
    assert call("GET", path).json()["request_status"] == "in_progress"
    assert call("DELETE", path).status_code == 400
    ticket_submit(actor=cast.alice, ticket_id=ticket.pk, reason="Checked.")
    ticket_reject(actor=cast.bob, ticket_id=ticket.pk, reason="legal_duty", text="Must be kept.")
    assert call("GET", path).json()["request_status"] == "cancelled"
    assert list(Callback.objects.values_list("standing", flat=True)) == [
        "working",
        "denied/claim_not_covered",
    ]
    assert not requests_open().exists()


def test_a_declined_request_is_cancelled(call: Post, cast: People) -> None:
    body = request()
    call("POST", f"{ROOT}/requests", body)
    intake_decline(
        actor=cast.alice,
        intake_id=IntakeRequest.objects.get().pk,
        reason="not_ours",
        text="We hold nothing.",
    )
    path = f"{ROOT}/requests/{body['subject_request_id']}"
    assert call("GET", path).json()["request_status"] == "cancelled"


def test_a_sweep_tells_what_a_crash_left_untold(
    call: Post, cast: People, erika: ScopeNode, settings: Any
) -> None:
    settings.EXPUNGE_WEBHOOK_LOOPBACK = True
    call("POST", f"{ROOT}/requests", request(status_callback_urls=["http://127.0.0.1:9/hook"]))
    ticket = filed(cast, erika)  # inside the test's transaction no signal follows
    assert not Callback.objects.exists()
    protocols_sweep()
    ticket.refresh_from_db()
    assert ticket.state == "under_review"
    assert Callback.objects.get().standing == "working"


def test_nobody_else_is_the_second_person(call: Post, cast: People, erika: ScopeNode) -> None:
    call("POST", f"{ROOT}/requests", request())
    ticket = filed(cast, erika)
    protocols_sweep()
    ticket_submit(actor=cast.alice, ticket_id=ticket.pk, reason="Checked.")
    ticket_approve(actor=cast.bob, ticket_id=ticket.pk, reason="Right.")
    ticket.refresh_from_db()
    assert ticket.state == "approved"


def test_opengdpr_has_its_old_routes_and_headers(call: Post, client: Client) -> None:
    assert client.get("/opengdpr/v1/discovery").json()["api_version"] == "1.0"
    body = request(api_version="1.0")
    answer = call("POST", "/opengdpr/v1/opengdpr_requests", body)
    assert answer.status_code == 201
    assert answer["X-OpenGDPR-Signature"]
    path = f"/opengdpr/v1/opengdpr_requests/{body['subject_request_id']}"
    assert call("GET", path).json()["request_status"] == "pending"
    assert call("DELETE", path).status_code == 202
