"""A text column that is encrypted at rest."""

from __future__ import annotations

from typing import Any

from django.db import models

from expunge.common.crypto import decrypt, encrypt


class EncryptedTextField(models.BinaryField):  # type: ignore[type-arg]
    """Text in Python, AES-GCM ciphertext in the database.

    The column's name is bound to the ciphertext. It cannot be searched; keep a blind index
    beside it where exact search is needed.
    """

    description = "encrypted text"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("editable", True)
        super().__init__(*args, **kwargs)

    @property
    def _context(self) -> str:
        return f"{self.model._meta.label_lower}.{self.name}"  # noqa: SLF001 - Django's own way

    def get_prep_value(self, value: Any) -> Any:
        """Encrypt on the way in."""
        if isinstance(value, str):
            return encrypt(value.encode(), context=self._context)
        return value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Hand the ciphertext to the driver."""
        ciphertext = value if prepared else self.get_prep_value(value)
        return super().get_db_prep_value(ciphertext, connection, prepared=True)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> str | None:
        """Decrypt on the way out."""
        del expression, connection
        return None if value is None else decrypt(bytes(value), context=self._context).decode()

    def to_python(self, value: Any) -> Any:
        """Text stays text."""
        return value
