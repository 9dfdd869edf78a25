"""What a page keeps for a person between two visits: the ticket that is being put together."""

from __future__ import annotations

from django.db import models

from expunge.accounts.models import User
from expunge.common.fields import EncryptedTextField
from expunge.common.models import BaseModel


class FilingDraft(BaseModel):
    """A ticket that a person is putting together: one at a time, encrypted, gone when filed."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="filing_draft")
    content = EncryptedTextField()
    touched_at = models.DateTimeField()
