"""What a person wrote into the public form, under a key of the request's own."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from expunge.common.crypto import decrypt, encrypt, new_key
from expunge.subjects.models import IntakeKey, IntakeRequest


@dataclass(frozen=True)
class IntakePayload:
    """Who asks, how to reach them, and what they ask."""

    subject_name: str = field(repr=False)
    contact: str = field(default="", repr=False)
    note: str = field(default="", repr=False)


def payload_seal(intake: IntakeRequest, payload: IntakePayload) -> None:
    """Store the payload of a new intake request under a fresh key."""
    key = new_key()
    data = json.dumps(asdict(payload), ensure_ascii=False).encode()
    intake.payload = encrypt(data, context=payload_context(intake), key=key)
    intake.save(force_insert=True)
    IntakeKey.objects.create(intake=intake, wrapped=encrypt(key, context=key_context(intake)))


def payload_open(intake: IntakeRequest) -> IntakePayload | None:
    """Return the payload, or ``None`` once it is shredded."""
    stored = IntakeKey.objects.filter(intake=intake).first()
    if stored is None or not intake.payload:
        return None
    key = decrypt(bytes(stored.wrapped), context=key_context(intake))
    data = decrypt(bytes(intake.payload), context=payload_context(intake), key=key)
    return IntakePayload(**json.loads(data))


def payload_shred(intake: IntakeRequest) -> None:
    """Destroy the key of an intake request and empty its payload."""
    IntakeKey.objects.filter(intake=intake).delete()
    intake.payload, intake.code_digest = b"", None


def payload_context(intake: IntakeRequest) -> str:
    """Return what the payload's ciphertext is bound to."""
    return f"intake-payload:{intake.pk}"


def key_context(intake: IntakeRequest) -> str:
    """Return what the wrapped key is bound to."""
    return f"intake-key:{intake.pk}"
