"""The words of this room: how an identity was shown, how surely, and where things stand."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Method(models.TextChoices):
    """How a person shows who they are."""

    MAILED_CODE = "mailed_code", _("Code by mail")
    MANUAL_EVIDENCE = "manual_evidence", _("Evidence that a person saw")
    AGENT_ATTESTATION = "agent_attestation", _("Attested by an agent")


class Level(models.TextChoices):
    """How surely it was shown: the levels of assurance of Regulation (EU) 910/2014 Art. 8(2)."""

    LOW = "low", _("Low")
    SUBSTANTIAL = "substantial", _("Substantial")
    HIGH = "high", _("High")


class Evidence(models.TextChoices):
    """What a person looked at. Its kind is kept, never the document."""

    IDENTITY_DOCUMENT = "identity_document", _("Passport or identity card")
    ELECTRONIC_ID = "electronic_id", _("Electronic identification")
    ACCOUNT = "account", _("Sign-in to an account they already have")
    KNOWN_FACTS = "known_facts", _("Answers that only they can give")
    KNOWN_IN_PERSON = "known_in_person", _("Known to us in person")
    REPRESENTATION = "representation", _("Authority of a representative")


class Standing(models.TextChoices):
    """Where an identity check stands."""

    ASKED = "asked", _("Asked for")
    SHOWN = "shown", _("Shown")
    FAILED = "failed", _("Too many wrong codes")
    LAPSED = "lapsed", _("Lapsed")
    REPLACED = "replaced", _("Replaced by another")


class IntakeStanding(models.TextChoices):
    """Where a request that came through the public form stands."""

    WAITING = "waiting", _("Waiting")
    FILED = "filed", _("Made a ticket")
    DECLINED = "declined", _("Declined")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class DeclineReason(models.TextChoices):
    """Why no ticket is made of a request that came through the public form."""

    NOT_OURS = "not_ours", _("We do not hold data of this person")
    NOT_A_DELETION = "not_a_deletion", _("It asks for something else than deletion")
    NOT_UNDERSTOOD = "not_understood", _("It could not be understood, and nobody answered")
    ABUSE = "abuse", _("It is no request of a person")


class IndexKind(models.TextChoices):
    """What of a person a blind index is made of."""

    NAME = "name", _("Name")
    CONTACT = "contact", _("Contact")
