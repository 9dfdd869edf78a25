"""The kinds of notices and of events: one registry, read by templates, pages and API alike."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class NoticeKind(models.TextChoices):
    """A letter the platform can write."""

    ACKNOWLEDGEMENT = "acknowledgement", _("Acknowledgement of receipt")
    IDENTITY_REQUEST = "identity_request", _("Request to show one's identity")
    IDENTITY_REMINDER = "identity_reminder", _("Reminder to show one's identity")
    EXTENSION = "extension", _("Extension of the deadline")
    REFUSAL = "refusal", _("Refusal, with remedies")
    COMPLETION = "completion", _("Completion, with certificate")
    NOTHING_HELD = "nothing_held", _("Completion: no model holds the data")
    FAILURE = "failure", _("Not verified")
    WITHDRAWAL = "withdrawal", _("Confirmation of a withdrawal")
    EXPIRY = "expiry", _("End without proof of identity")
    INTAKE_DECLINED = "intake_declined", _("Intake declined")
    RECIPIENT = "recipient", _("Notice to a recipient")
    ENDPOINT_DISABLED = "endpoint_disabled", _("Webhook endpoint switched off")


class EventKind(models.TextChoices):
    """What a webhook endpoint can be told; the value is the event's ``type``."""

    TICKET_FILED = "ticket.filed", _("A ticket was filed")
    TICKET_MOVED = "ticket.moved", _("A ticket changed its state")
    TICKET_EXTENDED = "ticket.extended", _("A deadline was extended")
    CERTIFICATE_ISSUED = "certificate.issued", _("A certificate was issued")
    CERTIFICATE_REVOKED = "certificate.revoked", _("A certificate was revoked")
    ALERT_RAISED = "alert.raised", _("A suppressed person came back")
    CONTAINMENT_PUBLISHED = "containment.published", _("A containment bundle was published")
    CONTAINMENT_WITHDRAWN = "containment.withdrawn", _("A containment bundle was withdrawn")
    RECIPIENT_NOTIFIED = "recipient.notified", _("A recipient must act on an erasure")
    TEST = "endpoint.test", _("A test event")


class Language(models.TextChoices):
    """A language in which letters are written."""

    ENGLISH = "en", _("English")
    GERMAN = "de", _("German")
