"""What the platform answers, as frozen values.

Fields that a newer platform adds are ignored, so that an older client goes on working. The names
are those of the schema in ``docs/openapi.yaml``; a test compares them.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PersonOut(_Value):
    """A member of staff."""

    id: UUID
    name: str


class NodeOut(_Value):
    """A node of a dataset's tree. ``label`` is personal data."""

    id: UUID
    dataset: UUID
    parent: UUID | None
    level: str
    label: str = Field(repr=False)
    place: str


class SubjectOut(_Value):
    """Who a request is about: personal data."""

    subject_name: str = Field(repr=False)
    contact: str = Field(repr=False)
    note: str = Field(repr=False)


class HistoryOut(_Value):
    """One thing that happened to a ticket."""

    at: datetime
    source: str
    target: str
    who: str
    reason: str
    text: str = Field(repr=False)


class TicketLine(_Value):
    """A ticket in a list."""

    id: UUID
    reference: str
    state: str
    outcome: str
    regime: str
    ground: str
    profile: str
    received_at: datetime
    due_on: date
    overdue: bool
    ended_at: datetime | None


class TicketOut(TicketLine):
    """A ticket in full, as far as the caller may see it."""

    clock: dict[str, Any]
    requester: PersonOut
    reviewer: PersonOut | None
    approver: PersonOut | None
    scope: tuple[NodeOut, ...]
    subject: SubjectOut | None
    tasks: tuple[str, ...]
    history: tuple[HistoryOut, ...]


class AttemptLine(_Value):
    """An attempt and how far it is; ``total`` 0: its end is not known."""

    id: UUID
    number: int
    method: str
    reason: str
    state: str
    phase: str
    message: str
    done: int
    total: int
    started_at: datetime | None
    ended_at: datetime | None


class EventOut(_Value):
    """One thing that happened to a ticket, with its number in the audit log."""

    seq: int
    at: datetime
    kind: str
    job: UUID | None = None
    attempt: UUID | None = None
    data: dict[str, Any]


class NewsOut(_Value):
    """What happened, how far the attempts are, and from where to go on."""

    events: tuple[EventOut, ...]
    attempts: tuple[AttemptLine, ...]
    after: int
    mark: str


class DatasetVersionOut(_Value):
    """One immutable state of a dataset."""

    id: UUID
    dataset: UUID
    number: int
    uri: str
    digest: str
    assignment_digest: str
    forms: tuple[str, ...]
    record_count: int
    created_at: datetime


class DatasetOut(_Value):
    """A dataset with its versions."""

    id: UUID
    name: str
    levels: tuple[str, ...]
    subject_level: int
    versions: tuple[DatasetVersionOut, ...]


class ModelOut(_Value):
    """A model, whatever its version."""

    id: UUID
    name: str
    family: str
    description: str
    created_at: datetime


class UseOut(_Value):
    """A dataset version and the arm of it that was trained on."""

    dataset_version: UUID
    arm: str


class ModelVersionOut(_Value):
    """One immutable version of a model."""

    id: UUID
    model: UUID
    number: int
    uri: str
    digest: str
    layout: str
    parent: UUID | None
    method: str
    effect: str
    recipe: dict[str, Any]
    trained_on: tuple[UseOut, ...]
    created_at: datetime


class CertificateOut(_Value):
    """An issued document."""

    id: UUID
    number: str
    version: int
    title: str
    kind: str
    is_certificate: bool
    ticket: UUID
    statement_digest: str
    pdf_sha256: str
    pdf_length: int
    issued_at: datetime


class TokenOut(_Value):
    """A token without its secret."""

    id: UUID
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewTokenOut(TokenOut):
    """A token with its secret, which is shown once."""

    secret: str = Field(repr=False)
