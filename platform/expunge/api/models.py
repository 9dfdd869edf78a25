"""What a caller has asked for under an idempotency key, and what the answer was."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from expunge.accounts.models import Controller, User
from expunge.common.models import BaseModel


class Claim(BaseModel):
    """One request that was carried out under an ``Idempotency-Key``.

    The key itself is not stored: ``key_digest`` recognises it, and ``response`` is encrypted
    under a key made from it, so that only who sends the key again can read the answer again.
    ``fingerprint`` is a keyed digest of method, path and body.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    controller = models.ForeignKey(Controller, on_delete=models.CASCADE)
    key_digest = models.BinaryField(max_length=32)
    fingerprint = models.BinaryField(max_length=32)
    response = models.BinaryField()
    ticket_id = models.UUIDField(null=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "controller", "key_digest"], name="claim_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["ticket_id"], name="claim_ticket")]

    def __str__(self) -> str:
        return f"claim {self.pk}"
