"""Signed messages: base64 of an Ed25519 signature followed by JSON.

They are checked in the order that section 3.07 of the protocol gives.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from expunge.common.clock import now
from expunge.protocols.models import Agent, Business

VERSION = "1.0"
LONGEST_LIFE = timedelta(hours=1)
"""The protocol recommends ten minutes; a message that lives longer than this is refused."""
SKEW = timedelta(seconds=5)


class MessageError(Exception):
    """A message is not what it must be; ``code`` is stable, the text says what to do."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Message:
    """A message whose signature fits: who signed it, what it says, and its bytes."""

    agent: Agent
    content: dict[str, Any]
    raw: bytes


def opened(body: bytes, agents: Iterable[Agent]) -> Message:
    """Return the message that one of the agents signed.

    Raises:
        MessageError: ``not_base64``, ``signature`` (403), ``not_json``.
    """
    try:
        buffer = base64.b64decode(body.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MessageError("not_base64", "The body is not base64.") from error
    for agent in agents:
        try:
            raw = VerifyKey(base64.b64decode(agent.verify_key)).verify(buffer)
        except (BadSignatureError, ValueError):
            continue
        return Message(agent, _json(raw), raw)
    raise MessageError("signature", "The signature does not fit the directory's key.", 403)


def check_envelope(message: Message, business: Business | None) -> None:
    """Check who and when, in the order of the protocol.

    Raises:
        MessageError: ``agent`` (403), ``business`` (403), ``version``, ``issued_at``,
            ``expires_at``.
    """
    content = message.content
    if content.get("agent-id") != message.agent.agent_id:
        raise MessageError("agent", "The agent-id is not that of the bearer token.", 403)
    if business is None or content.get("business-id") != business.business_id:
        raise MessageError("business", "The business-id is not ours.", 403)
    issued, expires = _moment(content, "issued-at"), _moment(content, "expires-at")
    if issued > now() + SKEW:
        raise MessageError("issued_at", "The message is issued in the future.")
    if expires <= now():
        raise MessageError("expires_at", "The message has expired. Send a new one.")
    if expires - issued > LONGEST_LIFE:
        raise MessageError("expires_at", "The message lives too long; ten minutes are enough.")
    if content.get("drp.version") != VERSION:
        raise MessageError("version", f"This is version {VERSION} of the protocol.")


def _json(raw: bytes) -> dict[str, Any]:
    try:
        content = json.loads(raw)
    except ValueError as error:
        raise MessageError("not_json", "The signed message is not JSON.") from error
    if not isinstance(content, dict):
        raise MessageError("not_json", "The signed message is not a JSON object.")
    return content


def _moment(content: dict[str, Any], name: str) -> datetime:
    code = name.replace("-", "_")
    try:
        moment = datetime.fromisoformat(str(content.get(name)))
    except ValueError as error:
        raise MessageError(code, f"{name} is no ISO 8601 time.") from error
    if moment.tzinfo is None:
        raise MessageError(code, f"{name} has no time zone.")
    return moment
