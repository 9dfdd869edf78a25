"""The base of every stored thing."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models


class BaseModel(models.Model):
    """A row with a random id and the time it was made."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    def __repr__(self) -> str:
        """Name the row by its id only: a repr may end up in a log."""
        return f"<{type(self).__name__} {self.pk}>"


class ImmutableError(RuntimeError):
    """Someone tried to change what is written once."""


class ImmutableModel(BaseModel):
    """A row that is written once; a change is a new row."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert the row; refuse to update it."""
        if not self._state.adding:
            message = f"{type(self).__name__} rows are written once; register a new version"
            raise ImmutableError(message)
        super().save(*args, **kwargs)
