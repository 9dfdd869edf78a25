"""The Data Rights Protocol 1.0 as its specification has it, signatures included."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from nacl.signing import SigningKey

from expunge.common.clock import now
from expunge.common.errors import DomainError
from expunge.protocols.drp.agents import agent_add, agent_remove, business_name
from expunge.protocols.models import Agent, Callback, ProtocolRequest
from expunge.protocols.tasks import protocols_sweep
from expunge.registry.models import ScopeNode
from expunge.subjects.intake import intake_decline, intake_file
from expunge.subjects.models import IntakeRequest
from expunge.tickets.payload import TicketPayload
from expunge.tickets.services import ticket_reject, ticket_submit
from tests.expunge.factories import People, all_leaves, leaves

pytestmark = pytest.mark.django_db
AGENT, BUSINESS = "PRIVACY_AGENT", "RIVERLAND"
REQUESTS = "/drp/v1/data-rights-request"
KEY, OTHER_KEY = SigningKey(b"a" * 32), SigningKey(b"b" * 32)
Send = Callable[..., Any]


def envelope(**changes: Any) -> dict[str, Any]:
    return {
        "agent-id": AGENT,
        "business-id": BUSINESS,
        "issued-at": (now() - timedelta(seconds=5)).isoformat(),
        "expires-at": (now() + timedelta(minutes=10)).isoformat(),
        "drp.version": "1.0",
        **changes,
    }


def exercise(**changes: Any) -> dict[str, Any]:
    return envelope(
        **{
            "agent-request-id": str(uuid4()),
            "exercise": "deletion",
            "regime": "ccpa",
            "name": "Erika Mustermann",
            "email": "erika@home.example",
            "email_verified": True,
            **changes,
        }
    )


def signed(content: dict[str, Any], key: SigningKey = KEY) -> str:
    return base64.b64encode(key.sign(json.dumps(content).encode())).decode()


@pytest.fixture
def agent(cast: People) -> Agent:
    business_name(actor=cast.ada, controller_id=cast.controller.pk, business_id=BUSINESS)
    return agent_add(
        actor=cast.ada,
        controller_id=cast.controller.pk,
        agent_id=AGENT,
        name="Privacy Agent",
        verify_key=base64.b64encode(bytes(KEY.verify_key)).decode(),
        attests=True,
    )


@pytest.fixture
def send(client: Client) -> Send:
    def call(method: str, path: str, body: str = "", token: str = "") -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return client.generic(method, path, body, content_type="text/plain", headers=headers)

    return call


@pytest.fixture
def token(agent: Agent, send: Send) -> str:
    answer = send("POST", f"/drp/v1/agent/{AGENT}", signed(envelope()))
    assert answer.status_code == 200
    assert answer.json()["agent-id"] == AGENT
    return str(answer.json()["token"])


def test_a_signed_message_gets_a_token_that_is_good(token: str, send: Send) -> None:
    answer = send("GET", f"/drp/v1/agent/{AGENT}", token=token)
    assert (answer.status_code, answer.json()) == (200, {})
    assert send("GET", "/drp/v1/agent/OTHER", token=token).status_code == 403
    assert send("GET", f"/drp/v1/agent/{AGENT}", token="wrong").status_code == 403
    assert send("GET", f"/drp/v1/agent/{AGENT}").status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        "no base64 !",
        base64.b64encode(b"short").decode(),
        signed(envelope(), OTHER_KEY),
        signed(envelope(**{"agent-id": "SOMEBODY"})),
        signed(envelope(**{"business-id": "ELSEWHERE"})),
        signed(envelope(**{"expires-at": "2020-01-01T00:00:00+00:00"})),
        signed(envelope(**{"issued-at": "2100-01-01T00:00:00+00:00"})),
    ],
)
def test_any_other_message_gets_an_empty_403(agent: Agent, send: Send, body: str) -> None:
    answer = send("POST", f"/drp/v1/agent/{AGENT}", body)
    assert (answer.status_code, answer.content) == (403, b"")
    agent.refresh_from_db()
    assert agent.token_digest is None


def test_a_new_token_ends_the_one_before(token: str, send: Send) -> None:
    again = send("POST", f"/drp/v1/agent/{AGENT}", signed(envelope())).json()["token"]
    assert send("GET", f"/drp/v1/agent/{AGENT}", token=token).status_code == 403
    assert send("GET", f"/drp/v1/agent/{AGENT}", token=again).status_code == 200


def test_a_deletion_is_taken_in_with_200(token: str, send: Send) -> None:
    content = exercise()
    answer = send("POST", REQUESTS, signed(content), token)
    assert answer.status_code == 200
    said = answer.json()
    assert said["status"] == "open"
    assert said["agent_request_id"] == content["agent-request-id"]
    assert said["expected_by"] > said["received_at"]
    assert IntakeRequest.objects.get().regime == "ccpa"
    assert b"erika@home.example" not in all_leaves()
    found = send("GET", f"{REQUESTS}/{said['request_id']}", token=token)
    assert found.json() == said


def test_a_message_that_is_sent_again_changes_nothing(token: str, send: Send) -> None:
    body = signed(exercise())
    first, second = (send("POST", REQUESTS, body, token) for _ in range(2))
    assert first.json() == second.json()
    assert IntakeRequest.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "key", "status", "code"),
    [
        ({}, OTHER_KEY, 403, "signature"),
        ({"agent-id": "SOMEBODY"}, KEY, 403, "agent"),
        ({"business-id": "ELSEWHERE"}, KEY, 403, "business"),
        ({"issued-at": "2100-01-01T00:00:00+00:00"}, KEY, 400, "issued_at"),
        ({"expires-at": "2020-01-01T00:00:00+00:00"}, KEY, 400, "expires_at"),
        ({"expires-at": "2100-01-01T00:00:00+00:00"}, KEY, 400, "expires_at"),
        ({"issued-at": "2026-01-01T00:00:00"}, KEY, 400, "issued_at"),
        ({"drp.version": "0.5"}, KEY, 400, "version"),
        ({"exercise": "sale:opt-out"}, KEY, 400, "claims"),
        ({"regime": "gdpr"}, KEY, 400, "claims"),
        ({"name": "", "email": ""}, KEY, 400, "claims"),
        ({"status_callback": "file:///etc/passwd"}, KEY, 422, "url_refused"),
    ],
)
def test_what_does_not_hold_is_refused_in_the_order_of_the_protocol(  # noqa: PLR0913, PLR0917 - a table
    token: str,
    send: Send,
    changes: dict[str, Any],
    key: SigningKey,
    status: int,
    code: str,
) -> None:
    answer = send("POST", REQUESTS, signed(exercise(**changes), key), token)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not IntakeRequest.objects.exists()


def test_the_first_fault_of_several_is_named(token: str, send: Send) -> None:
    wrong = exercise(**{"agent-id": "X", "business-id": "Y", "drp.version": "0"})
    assert send("POST", REQUESTS, signed(wrong), token).json()["code"] == "agent"


def test_another_agent_gets_403(token: str, send: Send, cast: People) -> None:
    made = send("POST", REQUESTS, signed(exercise()), token).json()["request_id"]
    agent_add(
        actor=cast.ada,
        controller_id=cast.controller.pk,
        agent_id="RIVAL",
        name="Rival",
        verify_key=base64.b64encode(bytes(OTHER_KEY.verify_key)).decode(),
    )
    message = signed(envelope(**{"agent-id": "RIVAL"}), OTHER_KEY)
    theirs = send("POST", "/drp/v1/agent/RIVAL", message).json()["token"]
    assert send("GET", f"{REQUESTS}/{made}", token=theirs).status_code == 403
    reason = signed({"reason": "mine now"}, OTHER_KEY)
    assert send("DELETE", f"{REQUESTS}/{made}", reason, theirs).status_code == 403
    assert send("GET", f"{REQUESTS}/{uuid4()}", token=token).status_code == 403


def test_a_revocation_is_signed_and_answers_revoked(token: str, send: Send) -> None:
    made = send("POST", REQUESTS, signed(exercise()), token).json()["request_id"]
    path = f"{REQUESTS}/{made}"
    assert send("DELETE", path, signed({"reason": "no"}, OTHER_KEY), token).status_code == 403
    answer = send("DELETE", path, signed({"reason": "I changed my mind"}), token)
    assert (answer.status_code, answer.json()["status"]) == (200, "revoked")
    assert IntakeRequest.objects.get().standing == "withdrawn"


def file_from_intake(cast: People, erika: ScopeNode) -> Any:
    return intake_file(
        actor=cast.carol,
        intake_id=IntakeRequest.objects.get().pk,
        regime="ccpa",
        ground="authorized_agent",
        node_ids=[erika.pk],
        payload=TicketPayload("Erika Mustermann", "erika@home.example"),
    )


def test_an_agent_that_verified_the_person_is_believed_where_the_directory_says_so(
    token: str, send: Send, cast: People, erika: ScopeNode
) -> None:
    made = send("POST", REQUESTS, signed(exercise()), token).json()["request_id"]
    ticket = file_from_intake(cast, erika)
    protocols_sweep()
    ticket.refresh_from_db()
    assert ticket.state == "under_review"
    assert send("GET", f"{REQUESTS}/{made}", token=token).json()["status"] == "in_progress"


def test_without_a_verified_attribute_the_person_is_asked(
    token: str, send: Send, cast: People, erika: ScopeNode
) -> None:
    content = exercise(email_verified=False)
    made = send("POST", REQUESTS, signed(content), token).json()["request_id"]
    file_from_intake(cast, erika)
    protocols_sweep()
    said = send("GET", f"{REQUESTS}/{made}", token=token).json()
    assert (said["status"], said["reason"]) == ("in_progress", "need_user_verification")
    assert said["user_verification_url"].startswith("http")


def test_callbacks_follow_the_ticket_and_denials_have_their_reason(
    token: str, send: Send, cast: People, erika: ScopeNode, settings: Any
) -> None:
    settings.EXPUNGE_WEBHOOK_LOOPBACK = True
    content = exercise(status_callback="http://127.0.0.1:9/agent")
    made = send("POST", REQUESTS, signed(content), token).json()["request_id"]
    ticket = file_from_intake(cast, erika)
    protocols_sweep()
    ticket_submit(actor=cast.alice, ticket_id=ticket.pk, reason="Checked.")
    ticket_reject(actor=cast.bob, ticket_id=ticket.pk, reason="identity_not_shown", text="No.")
    protocols_sweep()
    assert list(Callback.objects.values_list("standing", flat=True)) == [
        "working",
        "denied/insuf_verification",
    ]
    said = send("GET", f"{REQUESTS}/{made}", token=token).json()
    assert (said["status"], said["reason"]) == ("denied", "insuf_verification")


def test_nobody_found_is_a_denial_for_no_match(token: str, send: Send, cast: People) -> None:
    made = send("POST", REQUESTS, signed(exercise()), token).json()["request_id"]
    intake_decline(
        actor=cast.alice,
        intake_id=ProtocolRequest.objects.get().intake_id,
        reason="not_ours",
        text="We hold nothing.",
    )
    said = send("GET", f"{REQUESTS}/{made}", token=token).json()
    assert (said["status"], said["reason"]) == ("denied", "no_match")


def test_a_removed_agent_is_heard_no_longer(
    agent: Agent, token: str, send: Send, cast: People
) -> None:
    agent_remove(actor=cast.ada, agent_pk=agent.pk)
    assert send("GET", f"/drp/v1/agent/{AGENT}", token=token).status_code == 403
    answer = send("POST", f"/drp/v1/agent/{AGENT}", signed(envelope()))
    assert (answer.status_code, answer.content) == (403, b"")
    assert [leaf["subject"]["agent"] for leaf in leaves("agent.removed")] == [str(agent.pk)]


@pytest.mark.parametrize("who", ["alice", "bob", "carol", "dora", "mallory"])
def test_only_an_administrator_keeps_the_directory(cast: People, agent: Agent, who: str) -> None:
    actor = getattr(cast, who)
    with pytest.raises(DomainError):
        agent_remove(actor=actor, agent_pk=agent.pk)
    with pytest.raises(DomainError):
        business_name(actor=actor, controller_id=cast.controller.pk, business_id="MINE")
    with pytest.raises(DomainError):
        agent_add(
            actor=actor,
            controller_id=cast.controller.pk,
            agent_id="MINE",
            name="Mine",
            verify_key=agent.verify_key,
        )
    agent.refresh_from_db()
    assert agent.enabled


@pytest.mark.parametrize("key", ["", "x", base64.b64encode(b"short").decode()])
def test_a_key_that_is_none_is_refused(cast: People, key: str) -> None:
    with pytest.raises(DomainError) as caught:
        agent_add(
            actor=cast.ada,
            controller_id=cast.controller.pk,
            agent_id="A",
            name="A",
            verify_key=key,
        )
    assert caught.value.code == "verify_key_invalid"
