"""Reading certificates: those an actor may see, their files, their proofs."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.audit.models import Leaf
from expunge.audit.selectors import (
    checkpoint_cosigned_covering,
    checkpoint_covering,
    inclusion_proof,
)
from expunge.certificates.evidence import SIDECAR_SCHEMA, LogProof, write_proof
from expunge.certificates.kinds import CERTIFYING
from expunge.certificates.models import Certificate, Status
from expunge.certificates.storage import pdf_read
from expunge.common.errors import ConflictError, NotFoundError
from expunge.tickets.models import Ticket


def certificates_visible(actor: Actor) -> QuerySet[Certificate]:
    """Return the issued certificates of the organisations whose certificates one may see."""
    controllers = actor.controllers(Permission.CERTIFICATE_VIEW)
    found = Certificate.objects.filter(controller_id__in=controllers, status=Status.ISSUED)
    return found.select_related("superseded_by", "supersession").defer("superseded_by__statement")


def certificates_of(actor: Actor, ticket: Ticket) -> QuerySet[Certificate]:
    """Return the issued certificates of one ticket, newest first."""
    return certificates_visible(actor).filter(ticket_id=ticket.pk)


def certificate_get(actor: Actor, certificate_id: UUID) -> Certificate:
    """Return one issued certificate; raises ``certificate_unknown``."""
    found = certificates_visible(actor).filter(pk=certificate_id).first()
    if found is None:
        raise NotFoundError("certificate_unknown", _("There is no such certificate for you."))
    return found


def certificate_standing(ticket_id: UUID) -> Certificate | None:
    """Return the certificate of a ticket that is issued and not revoked, if there is one."""
    return certificates_standing().filter(ticket_id=ticket_id).order_by("version").last()


def certificates_standing() -> QuerySet[Certificate]:
    """Return every certificate that is issued and not revoked, whoever's it is."""
    return Certificate.objects.filter(
        status=Status.ISSUED,
        kind__in=CERTIFYING,
        revoked_at__isnull=True,
    )


def certificate_pdf(certificate: Certificate) -> bytes:
    """Return the signed PDF; raises ``certificate_file_missing``."""
    try:
        return pdf_read(certificate.pdf_name)
    except FileNotFoundError as error:
        raise NotFoundError(
            "certificate_file_missing",
            _("The certificate's file is not in the storage; restore it from a backup."),
        ) from error


def certificate_sidecar(certificate: Certificate) -> bytes:
    """Return the proof that the log recorded this very PDF: the file that travels beside it.

    Raises:
        ConflictError: ``certificate_not_issued``, or ``checkpoint_missing`` for an instant.
    """
    if certificate.recorded_seq is None:
        raise ConflictError("certificate_not_issued", _("The certificate is not issued yet."))
    return write_proof(log_proof(certificate.recorded_seq), SIDECAR_SCHEMA)


def log_proof(seq: int) -> LogProof:
    """Return an entry of the log with its proof under the first checkpoint over it.

    One that somebody outside has cosigned comes before one that is only ours.

    Raises:
        ConflictError: ``checkpoint_missing``: no checkpoint covers the entry yet.
    """
    checkpoint = checkpoint_cosigned_covering(seq) or checkpoint_covering(seq)
    if checkpoint is None:
        raise ConflictError(
            "checkpoint_missing", _("The next checkpoint of the log will cover it.")
        )
    return LogProof(
        seq=seq,
        leaf=bytes(Leaf.objects.get(pk=seq).data),
        path=inclusion_proof(seq, checkpoint.size),
        checkpoint=checkpoint.note,
        token=bytes(checkpoint.token),
        cosignatures=checkpoint.cosigner_lines,
    )
