"""What happens to a ticket while one waits: moves from the audit log, progress from the attempts.

The cursor is the number of an entry of the audit log. Entries are numbered one after the other
and become visible in that order, so nobody who goes on from a number misses one. Progress is a
state and not a history: ``mark`` is a digest of it, and the newest state is sent when it changed.

Waiting asks the database once a second and holds no connection between. It does hold a thread of
the web server, so only so many may wait in one process; who finds no place is answered at once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from threading import BoundedSemaphore
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from rest_framework.renderers import JSONRenderer

from expunge.accounts.permissions import Actor
from expunge.api.v1.jobs import AttemptLine
from expunge.audit.models import Leaf
from expunge.common.errors import NotFoundError
from expunge.jobs.selectors import jobs_of
from expunge.tickets.selectors import ticket_get

POLL_SECONDS = 1.0
HEARTBEAT_SECONDS = 10.0
RETRY_MS = 1000
MOST_EVENTS = 200
SHOWN = ("from", "to", "source", "target", "reason", "outcome", "method", "number", "verdict")
"""The fields of an entry that whoever sees the ticket may see: codes and numbers, no text."""
PREFIXES = ("ticket.", "job.", "attempt.", "certificate.", "verification.")
_places = BoundedSemaphore(settings.EXPUNGE_API_WAITERS)


@dataclass(frozen=True)
class News:
    """What happened after an entry, and how far the attempts are."""

    events: tuple[dict[str, Any], ...]
    attempts: tuple[dict[str, Any], ...]
    after: int
    mark: str


def news(actor: Actor, ticket_id: UUID, after: int) -> News:
    """Return what happened to a ticket after an entry; raises ``ticket_unknown``."""
    # Whoever waits for news may lose their roles meanwhile.
    ticket = ticket_get(actor.for_long(), ticket_id)
    leaves = Leaf.objects.filter(ticket_id=ticket_id, seq__gt=after).order_by("seq")
    found = list(leaves[:MOST_EVENTS])
    attempts = tuple(
        dict(AttemptLine(attempt).data)
        for job in jobs_of(actor, ticket)
        for attempt in job.attempts.all()
    )
    mark = sha256(JSONRenderer().render(attempts)).hexdigest()[:16]
    events = tuple(_event(leaf) for leaf in found if leaf.action.startswith(PREFIXES))
    return News(events, attempts, found[-1].seq if found else after, mark)


def news_awaited(actor: Actor, ticket_id: UUID, after: int, mark: str, seconds: float) -> News:
    """Return news as soon as there are any, or what there is when the time is over."""
    until = time.monotonic() + seconds
    with _place() as free:
        while True:
            found = news(actor, ticket_id, after)
            late = time.monotonic() + POLL_SECONDS > until
            if found.events or found.mark != mark or late or not free:
                return found
            _rest()


def stream(actor: Actor, ticket_id: UUID, after: int) -> Iterator[bytes]:
    """Yield server-sent events until the time of a stream is over; the client then comes back."""
    until = time.monotonic() + settings.EXPUNGE_API_STREAM_SECONDS
    mark, said = "", time.monotonic()
    with _place() as free:
        yield f"retry: {RETRY_MS if free else 5 * RETRY_MS}\n\n".encode()
        while True:
            try:
                found = news(actor, ticket_id, after)
            except NotFoundError:  # the caller may not see the ticket any more
                return
            frames = [_frame(event["kind"], event, event["seq"]) for event in found.events]
            if found.mark != mark:
                frames.append(_frame("progress", {"attempts": found.attempts}, found.after))
            if not frames and time.monotonic() - said > HEARTBEAT_SECONDS:
                frames.append(b": still here\n\n")
            if frames:
                said = time.monotonic()
            yield from frames
            after, mark = found.after, found.mark
            if not free or time.monotonic() + POLL_SECONDS > until:
                return
            _rest()


def _event(leaf: Leaf) -> dict[str, Any]:
    entry = json.loads(bytes(leaf.data))
    data, subject = entry["data"], entry["subject"]
    ids = {name: subject[name] for name in ("job", "attempt") if name in subject}
    codes = {name: data[name] for name in SHOWN if name in data}
    return {"seq": leaf.seq, "at": leaf.occurred_at, "kind": leaf.action, **ids, "data": codes}


def _frame(kind: str, body: Any, number: int) -> bytes:
    data = JSONRenderer().render(body).decode()
    return f"id: {number}\nevent: {kind}\ndata: {data}\n\n".encode()


def _rest() -> None:
    """Sleep without a connection: others use it meanwhile."""
    if not connection.in_atomic_block:
        connection.close()
    time.sleep(POLL_SECONDS)


@contextmanager
def _place() -> Iterator[bool]:
    """Take a place among those who wait, and say whether there was one."""
    free = _places.acquire(blocking=False)
    try:
        yield free
    finally:
        if free:
            _places.release()
