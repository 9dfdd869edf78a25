"""Opening what is encrypted in the database: under the master keys, or a row's own key."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

from django.apps import apps

from expunge.common.crypto import NONCE_BYTES, VERSION, DecryptionError, decrypt
from expunge.common.fields import EncryptedTextField
from expunge.subjects.models import IntakeKey
from expunge.tickets.models import TicketKey

TAG_BYTES = 16
Row = Mapping[str, Any]


class ShreddedError(Exception):
    """The key of a ciphertext is gone."""


class NotOursError(Exception):
    """No key that the platform holds opens it."""


def looks_sealed(data: bytes) -> bool:
    """Say whether bytes have the shape of a ciphertext of ours."""
    return data[:1] == VERSION and len(data) >= len(VERSION) + NONCE_BYTES + TAG_BYTES


def unseal(table: str, column: str, row: Row, data: bytes) -> bytes:
    """Return the plain bytes of a ciphertext.

    Raises:
        ShreddedError: It was under the key of a ticket or of an intake request that is destroyed.
        NotOursError: Its key is somebody else's, or it is none of our ciphertexts.
    """
    context = encrypted_fields().get((table, column))
    if context is not None:
        return _opened(data, context, None)
    if table == "subjects_intakerequest":
        key = _wrapped(IntakeKey.objects.filter(intake=row["id"]), f"intake-key:{row['id']}")
        return _opened(data, f"intake-payload:{row['id']}", key)
    ticket = row["id"] if table == "tickets_ticket" else row.get("ticket_id")
    if not ticket or table == "api_claim":
        raise NotOursError
    key = _wrapped(TicketKey.objects.filter(ticket=UUID(str(ticket))), f"ticket-key:{ticket}")
    name = "ticket-payload" if table == "tickets_ticket" else "ticket-text"
    return _opened(data, f"{name}:{ticket}", key)


@cache
def encrypted_fields() -> Mapping[tuple[str, str], str]:
    """Return the context of every column that is encrypted under the master keys."""
    return {
        (model._meta.db_table, str(field.column)): f"{model._meta.label_lower}.{field.name}"  # noqa: SLF001 - Django's public model API
        for model in apps.get_models()
        for field in model._meta.concrete_fields  # noqa: SLF001 - the same
        if isinstance(field, EncryptedTextField)
    }


def _wrapped(keys: Any, context: str) -> bytes:
    stored = keys.first()
    if stored is None:
        raise ShreddedError
    return decrypt(bytes(stored.wrapped), context=context)


def _opened(data: bytes, context: str, key: bytes | None) -> bytes:
    try:
        return decrypt(data, context=context, key=key)
    except DecryptionError as error:
        raise NotOursError from error
