"""Coded reasons for what a person decides about a ticket; a text goes with each."""

from __future__ import annotations

from django.db import models


class ExtensionReason(models.TextChoices):
    """Why the longer period is needed."""

    COMPLEXITY = "complexity", "The request is complex"
    NUMBER = "number", "Number of requests"


class WithdrawalReason(models.TextChoices):
    """Why a request ends before it is met."""

    BY_PERSON = "by_person", "The person withdrew it"
    DUPLICATE = "duplicate", "Another ticket covers it"
    FILED_IN_ERROR = "filed_in_error", "Filed in error"


class HoldReason(models.TextChoices):
    """Why the data must not be erased for now."""

    LITIGATION = "litigation", "Pending litigation"
    AUTHORITY_ORDER = "authority_order", "Order of an authority"
    INVESTIGATION = "investigation", "Investigation"
    RETENTION_DUTY = "retention_duty", "Duty to retain"


class ReleaseReason(models.TextChoices):
    """Why a legal hold ends."""

    MATTER_CLOSED = "matter_closed", "The matter is closed"
    ORDER_LIFTED = "order_lifted", "The order was lifted"
    PLACED_IN_ERROR = "placed_in_error", "Placed in error"


class UnverifiedReason(models.TextChoices):
    """Why a ticket is closed although its erasure could not be shown."""

    METHODS_EXHAUSTED = "methods_exhausted", "No method passed verification"
    MODEL_RETIRED = "model_retired", "The model was taken out of service"
    CANNOT_VERIFY = "cannot_verify", "What is needed to verify is not there"
