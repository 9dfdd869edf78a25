"""Where a request stands in the words of OpenDSR, section 8, and the callbacks that say it.

The standard has no word for a request that is refused or could not be verified. Such a request
is ``cancelled``: it will not be fulfilled, and ``completed`` would say that it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from expunge.protocols import standing as here
from expunge.protocols.models import Protocol, ProtocolRequest
from expunge.protocols.opendsr.signing import OPENDSR, OPENGDPR, Dialect, encoded, headers_for

WORDS: Mapping[str, str] = {
    here.OPEN: "pending",
    here.VERIFY: "pending",
    here.WORKING: "in_progress",
    here.DONE: "completed",
    here.REVOKED: "cancelled",
    here.DENIED: "cancelled",
}


def dialect_of(request: ProtocolRequest) -> Dialect:
    """Return the dialect in which the request came."""
    return OPENGDPR if request.protocol == Protocol.OPENGDPR else OPENDSR


def status(request: ProtocolRequest, code: str) -> dict[str, Any]:
    """Return the status body of a request whose standing has this code."""
    return {
        "controller_id": str(request.controller_id),
        "expected_completion_time": expected(request),
        "subject_request_id": request.external_id,
        "request_status": WORDS[code.partition("/")[0]],
        "api_version": dialect_of(request).version,
    }


def callback(request: ProtocolRequest, url: str, code: str) -> tuple[bytes, Mapping[str, str]]:
    """Return body and header fields of a callback to an address."""
    body = encoded({**status(request, code), "status_callback_url": url})
    return body, headers_for(body, dialect_of(request))


def expected(request: ProtocolRequest) -> str:
    """Return the end of the day on which the request is due, where the controller is."""
    intake = request.intake
    day = intake.ticket.due_on if intake.ticket else intake.due_on
    return moment_text(end_of_day(day, request.controller.time_zone))


def end_of_day(day: date, zone: str) -> datetime:
    """Return the last second of a day in a time zone."""
    return datetime.combine(day, time(23, 59, 59), ZoneInfo(zone))


def moment_text(moment: datetime) -> str:
    """Return a moment as RFC 3339 text in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
