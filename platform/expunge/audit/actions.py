"""The things that leave a trace: every action an audit entry can record, in one registry."""

from __future__ import annotations

from enum import StrEnum


class AuditAction(StrEnum):
    """``noun.verb`` of what happened; the data fields of each are its service's affair."""

    USER_CREATED = "user.created"
    MEMBERSHIP_GRANTED = "membership.granted"
    MEMBERSHIP_REVOKED = "membership.revoked"
    TOKEN_CREATED = "token.created"  # noqa: S105 - an action, not a token
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - the same

    DATASET_VERSION_REGISTERED = "dataset_version.registered"
    MODEL_REGISTERED = "model.registered"
    MODEL_VERSION_REGISTERED = "model_version.registered"

    TICKET_FILED = "ticket.filed"
    TICKET_MOVED = "ticket.moved"
    TICKET_EXTENDED = "ticket.extended"
    TICKET_SHREDDED = "ticket.shredded"

    JOB_PLANNED = "job.planned"
    JOB_MOVED = "job.moved"
    ATTEMPT_QUEUED = "attempt.queued"
    ATTEMPT_TAKEN_OVER = "attempt.taken_over"
    ATTEMPT_MOVED = "attempt.moved"
    VERIFICATION_PREREGISTERED = "verification.preregistered"
    VERIFICATION_FINISHED = "verification.finished"

    CERTIFICATE_STATEMENT = "certificate.statement"
    CERTIFICATE_ISSUED = "certificate.issued"
    KEY_INTRODUCED = "key.introduced"
