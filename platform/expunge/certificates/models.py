"""Certificates as rows: where each one stands on its way, and where its proofs are."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from expunge.certificates.kinds import (
    CERTIFYING,
    REVOKED_BECAUSE,
    WORDING,
    Kind,
    RevocationReason,
    SupersessionReason,
)
from expunge.common.fields import EncryptedTextField
from expunge.common.models import BaseModel


class Status(models.TextChoices):
    """How far a certificate has come; the order of the steps is what makes it proof."""

    STATED = "stated", "Statement recorded"
    ISSUED = "issued", "Issued"


class StatusPublication(models.Model):
    """The signed status list as it was published last: the one row of its table.

    The root certificates stand beside it: the site checks certificates and holds no keys.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    content = models.BinaryField()
    roots = models.BinaryField(default=b"")
    issued_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_status_list"),
        ]

    def __str__(self) -> str:
        return f"status list of {self.issued_at}"


class Certificate(BaseModel):
    """One document about one ticket, its statement, its PDF and its two log entries.

    ``statement`` is fixed when the row is made: what is printed, signed and logged later is made
    from it, so a second start after a crash finishes this document and no other. A ticket has one
    document at a time: a further ``version`` is made only after the one before was revoked, or to
    take its place (:class:`Supersession`).

    When an archive timestamp is added, ``pdf_...`` are of the longer file and ``renewed_seq`` is
    its entry; the file as it was issued is its beginning. ``archived_until`` is when the
    certificate of the last timestamp ends, once somebody looked.
    """

    number = models.CharField(max_length=20, unique=True)
    version = models.PositiveSmallIntegerField(default=1)
    ticket_id = models.UUIDField()
    controller_id = models.UUIDField()
    kind = models.CharField(max_length=20, choices=[(kind, WORDING[kind].title) for kind in Kind])
    language = models.CharField(max_length=5, default="en")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.STATED)
    statement = models.BinaryField()
    statement_digest = models.CharField(max_length=71)
    statement_seq = models.BigIntegerField()
    pdf_name = models.CharField(max_length=200, blank=True)
    pdf_sha256 = models.CharField(max_length=71, blank=True)
    pdf_length = models.PositiveBigIntegerField(default=0)
    issued_seq = models.BigIntegerField(null=True)
    renewed_seq = models.BigIntegerField(null=True)
    archived_until = models.DateTimeField(null=True)
    issued_at = models.DateTimeField(null=True)
    supersedes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="superseded_by"
    )
    revoked_at = models.DateTimeField(null=True)
    revoked_reason = models.CharField(max_length=20, blank=True)
    revoked_seq = models.BigIntegerField(null=True)
    revoked_text = EncryptedTextField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ticket_id", "version"], name="certificate_once"),
            models.CheckConstraint(
                condition=models.Q(status=Status.STATED)
                | models.Q(issued_seq__isnull=False, issued_at__isnull=False, pdf_length__gt=0),
                name="an_issued_certificate_is_in_the_log",
            ),
            models.CheckConstraint(
                condition=models.Q(revoked_at__isnull=True, revoked_reason="")
                | models.Q(
                    status=Status.ISSUED,
                    revoked_at__isnull=False,
                    revoked_seq__isnull=False,
                    revoked_reason__in=[str(reason) for reason in RevocationReason],
                ),
                name="a_revocation_has_a_reason_and_is_in_the_log",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["controller_id", "-created_at"], name="certificate_list"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def title(self) -> str:
        """Return what the document calls itself."""
        return WORDING[Kind(self.kind)].title

    @property
    def is_certificate(self) -> bool:
        """Say whether it certifies anything; a notice and a statement of failure do not."""
        return self.kind in CERTIFYING

    @property
    def subject(self) -> dict[str, str]:
        """Return what entries of the log and events about it name: its id and its ticket's."""
        return {"ticket": str(self.ticket_id), "certificate": str(self.pk)}

    @property
    def recorded_seq(self) -> int | None:
        """Return the entry of the log that holds the digest of the file as it is now."""
        return self.issued_seq if self.renewed_seq is None else self.renewed_seq

    @property
    def is_revoked(self) -> bool:
        """Say whether it no longer holds."""
        return self.revoked_at is not None

    @property
    def revoked_because(self) -> str:
        """Return why it was revoked, as the end of a sentence; empty while it holds."""
        return REVOKED_BECAUSE[RevocationReason(self.revoked_reason)] if self.is_revoked else ""

    @property
    def successor(self) -> Certificate | None:
        """Return the issued document that takes this one's place, if there is one."""
        found: Certificate | None = getattr(self, "superseded_by", None)
        return found if found is not None and found.status == Status.ISSUED else None


class Supersession(BaseModel):
    """Somebody asked that a newer document take the place of one; a signing worker makes it.

    ``language`` is that of the newer document, ``asked_by`` a pseudonym, ``text`` the reason in
    their words. It is done when the older document is revoked as superseded.
    """

    certificate = models.OneToOneField(
        Certificate, on_delete=models.PROTECT, related_name="supersession"
    )
    reason = models.CharField(max_length=20)
    language = models.CharField(max_length=5)
    asked_by = models.CharField(max_length=100)
    text = EncryptedTextField()

    class Meta:
        ordering: ClassVar = ["created_at"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(reason__in=[str(reason) for reason in SupersessionReason]),
                name="a_supersession_has_a_known_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"what takes the place of {self.certificate_id}"
