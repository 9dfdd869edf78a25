"""Coded reasons for what a person decides about a ticket; a text goes with each."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ExtensionReason(models.TextChoices):
    """Why the longer period is needed."""

    COMPLEXITY = "complexity", _("The request is complex")
    NUMBER = "number", _("Number of requests")


class WithdrawalReason(models.TextChoices):
    """Why a request ends before it is met."""

    BY_PERSON = "by_person", _("The person withdrew it")
    DUPLICATE = "duplicate", _("Another ticket covers it")
    FILED_IN_ERROR = "filed_in_error", _("Filed in error")


class HoldReason(models.TextChoices):
    """Why the data must not be erased for now."""

    LITIGATION = "litigation", _("Pending litigation")
    AUTHORITY_ORDER = "authority_order", _("Order of an authority")
    INVESTIGATION = "investigation", _("Investigation")
    RETENTION_DUTY = "retention_duty", _("Duty to retain")


class ReleaseReason(models.TextChoices):
    """Why a legal hold ends."""

    MATTER_CLOSED = "matter_closed", _("The matter is closed")
    ORDER_LIFTED = "order_lifted", _("The order was lifted")
    PLACED_IN_ERROR = "placed_in_error", _("Placed in error")


class UnverifiedReason(models.TextChoices):
    """Why a ticket is closed although its erasure could not be shown."""

    METHODS_EXHAUSTED = "methods_exhausted", _("No method passed verification")
    MODEL_RETIRED = "model_retired", _("The model was taken out of service")
    CANNOT_VERIFY = "cannot_verify", _("What is needed to verify is not there")


class ReopeningReason(models.TextChoices):
    """Why a certified deletion is worked on again; the platform finds this out itself."""

    REGRESSION = "regression", _("A later check no longer confirms the deletion")
    BROUGHT_BACK = "brought_back", _("A new version brought the data back")


class ContainmentReason(models.TextChoices):
    """Why answers are suppressed in place of an erasure that could be shown."""

    METHODS_EXHAUSTED = "methods_exhausted", _("No method passed verification")
    AWAITING_RETRAIN = "awaiting_retrain", _("The model will be trained anew")
    AWAITING_MEANS = "awaiting_means", _("What is needed to erase is not there yet")


class ResumptionReason(models.TextChoices):
    """Why a clock that stood still goes on."""

    ANSWERED = "answered", _("The person answered")
    NO_LONGER_NEEDED = "no_longer_needed", _("The answer is no longer needed")


class RecipientRole(models.TextChoices):
    """What somebody who received models or data does with them."""

    DEPLOYER = "deployer", _("Deployer")
    PROCESSOR = "processor", _("Processor")
    DERIVATIVE = "derivative", _("Maker of a derived model")


class RecipientExcuse(models.TextChoices):
    """Why a recipient is not told of an erasure (GDPR Art. 19, first sentence)."""

    IMPOSSIBLE = "impossible", _("It proves impossible")
    DISPROPORTIONATE = "disproportionate", _("It involves disproportionate effort")
