"""Idempotency keys: a POST that is sent again is answered again, and not carried out again.

The claim is written in the transaction of the effect, under an advisory lock of that
transaction. A process that dies leaves neither an effect nor a claim nor a lock; one that dies
after the commit leaves both, and the answer is given again from the claim. What was refused is
not remembered: put it right and send it again under the same key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, transaction
from rest_framework.exceptions import APIException

from expunge.accounts.models import User
from expunge.api.models import Claim
from expunge.common.clock import now
from expunge.common.crypto import decrypt, encrypt, keyed_digest
from expunge.common.errors import ConflictError, DomainError, InvalidInputError

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEPT = timedelta(hours=24)
KEY = re.compile(r'"?([\x21\x23-\x7e]{1,255})"?')
CONTEXT = "api.claim"
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Stored:
    """An answer as it was given; one about a ticket does not outlive that ticket's end."""

    status: int
    body: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    ticket_id: UUID | None = None


@dataclass(frozen=True)
class Once:
    """The right to carry out one request of one caller once."""

    user: User
    controller_id: UUID
    key: str = field(repr=False)
    request: bytes = field(repr=False)

    def run(self, act: Callable[[], Stored]) -> tuple[Stored, bool]:
        """Carry it out and keep the answer, or return the kept answer and ``True``.

        Raises:
            ConflictError: ``request_running``, the same request is being carried out now.
            InvalidInputError: ``idempotency_key_reused``, the key belongs to another request.
        """
        return in_one_transaction(partial(self._run, act))

    def _run(self, act: Callable[[], Stored]) -> tuple[Stored, bool]:
        self._lock()
        claim = self._claim()
        if claim is not None:
            return self._open(claim), True
        answer = act()
        self._keep(answer)
        return answer, False

    @property
    def _digest(self) -> bytes:
        return keyed_digest(self.key.encode(), context=f"{CONTEXT}.key")

    @property
    def _secret(self) -> bytes:
        return keyed_digest(self.key.encode(), context=f"{CONTEXT}.response.{self.user.pk}")

    @property
    def _fingerprint(self) -> bytes:
        return keyed_digest(self.request, context=f"{CONTEXT}.request")

    def _lock(self) -> None:
        whole = self.user.pk.bytes + self.controller_id.bytes + self._digest
        number = int.from_bytes(keyed_digest(whole, context=CONTEXT)[:8], "big", signed=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
            (ours,) = cursor.fetchone()
        if not ours:
            raise ConflictError(
                "request_running",
                "This request is being carried out now. Send it again in a moment, with the same "
                "key, for its answer.",
            )

    def _claim(self) -> Claim | None:
        mine = Claim.objects.filter(
            user=self.user, controller_id=self.controller_id, key_digest=self._digest
        )
        claim = mine.first()
        if claim is not None and claim.expires_at <= now():
            claim.delete()
            claim = None
        if claim is not None and bytes(claim.fingerprint) != self._fingerprint:
            raise InvalidInputError(
                "idempotency_key_reused",
                "This key was used for another request. Take a new key for a new request.",
                field=HEADER,
            )
        return claim

    def _keep(self, answer: Stored) -> None:
        parts = {"status": answer.status, "body": answer.body, "headers": dict(answer.headers)}
        Claim.objects.create(
            user=self.user,
            controller_id=self.controller_id,
            key_digest=self._digest,
            fingerprint=self._fingerprint,
            response=encrypt(json.dumps(parts).encode(), context=CONTEXT, key=self._secret),
            ticket_id=answer.ticket_id,
            expires_at=now() + KEPT,
        )

    def _open(self, claim: Claim) -> Stored:
        parts: dict[str, Any] = json.loads(
            decrypt(bytes(claim.response), context=CONTEXT, key=self._secret)
        )
        return Stored(parts["status"], parts["body"], parts["headers"])


def in_one_transaction(act: Callable[[], Answer]) -> Answer:
    """Run something in one transaction, in which a refusal undoes no more than it would alone.

    What a service keeps although it refuses (a count of failed attempts, say) stays kept, so
    that no header of a request is a way around it.
    """
    refusal: DomainError | APIException | None = None
    with transaction.atomic():
        try:
            return act()
        except (DomainError, APIException) as error:
            refusal = error
    raise refusal


def key_read(text: str) -> str:
    """Return the key of a header, with or without the quotes of a structured field.

    Raises ``idempotency_key_invalid``.
    """
    found = KEY.fullmatch(text.strip())
    if found is None:
        raise InvalidInputError(
            "idempotency_key_invalid",
            "An idempotency key is 1 to 255 visible characters; take a new UUID for each request.",
            field=HEADER,
        )
    return found.group(1)


def claims_expire() -> int:
    """Remove claims that are no longer kept; return how many."""
    removed, _ = Claim.objects.filter(expires_at__lte=now()).delete()
    return removed


def claims_forget(ticket_id: UUID, before: datetime) -> None:
    """Remove the answers given about a ticket before it ended: they may name the person."""
    Claim.objects.filter(ticket_id=ticket_id, created_at__lt=before).delete()
