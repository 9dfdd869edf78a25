"""The exercise status of the protocol, sections 3.02 and 3.03, and its callback."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from expunge.protocols import standing as here
from expunge.protocols.models import ProtocolRequest
from expunge.protocols.standing import Standing, standing_of

WORDS: Mapping[str, str] = {
    here.OPEN: "open",
    here.VERIFY: "in_progress",
    here.WORKING: "in_progress",
    here.DONE: "fulfilled",
    here.REVOKED: "revoked",
    here.DENIED: "denied",
}
TO_VERIFY = "need_user_verification"


def status(request: ProtocolRequest, told: str = "") -> dict[str, Any]:
    """Return the status of a request, now or as it was when ``told`` was queued."""
    present = standing_of(request.intake)
    standing = present if not told or told == present.code else _recalled(told)
    found = {
        "request_id": str(request.pk),
        "received_at": request.created_at.isoformat(),
        "expected_by": _expected(request),
        "agent_request_id": request.external_id,
        "status": WORDS[standing.word],
        "reason": TO_VERIFY if standing.word == here.VERIFY else standing.reason,
        "processing_details": standing.details,
        "user_verification_url": request.verification_url if standing.word == here.VERIFY else None,
    }
    return {name: value for name, value in found.items() if value}


def callback(request: ProtocolRequest, url: str, told: str) -> tuple[bytes, Mapping[str, str]]:
    """Return body and header fields of a callback; the protocol asks for no signature."""
    del url
    return json.dumps(status(request, told), allow_nan=False).encode(), {}


def _recalled(code: str) -> Standing:
    word, _, reason = code.partition("/")
    return Standing(word, reason)


def _expected(request: ProtocolRequest) -> str:
    intake = request.intake
    day = intake.ticket.due_on if intake.ticket else intake.due_on
    zone = ZoneInfo(request.controller.time_zone)
    return datetime.combine(day, time(23, 59, 59), zone).isoformat()
