"""Renewing archives: a further timestamp before the certificate of the last one ends.

1. The file gets a further timestamp at its end; all that was there before stays, byte for byte.
2. The log records digest and length of the longer file, and of the part that was there before.
3. The longer file takes the place of the shorter one, which is its beginning; its sidecar proves
the new entry. Whoever holds the file as it was issued, and its sidecar, holds proof as before, for
as long as its own timestamps last.

Source: ETSI EN 319 142-1, section 5.4.3 (the life cycle of PAdES signatures).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from expunge.accounts.permissions import Actor
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record_now, checkpoint_sign
from expunge.certificates.evidence import renewed_data
from expunge.certificates.models import Certificate, Status
from expunge.certificates.signing import RenewalError, archived_until, renew_pdf
from expunge.certificates.storage import pdf_keep_only, pdf_read, pdf_store
from expunge.common.clock import now

MARGIN = timedelta(days=365)
"""So long before its end a timestamp is renewed: time enough to notice that it cannot be."""
MOST = 500
RENEWER = Actor(system="certificates")


@dataclass(frozen=True)
class Renewals:
    """What a round came to: how many files were renewed, and a sentence for each that was not."""

    renewed: int
    faults: tuple[str, ...] = ()


def certificates_renew(*, within: timedelta = MARGIN, most: int = MOST) -> Renewals:
    """Renew every issued document whose last timestamp ends ``within`` so long, ``most`` at once.

    Revoked ones too: what they said remains evidence.

    Raises:
        TimestampUnavailableError: The authority does not answer; what is done stays done.
        KeyMissingError: This process may not sign.
    """
    renewed, faults = 0, []
    for certificate_id in list(_due(within))[:most]:
        try:
            renewed += certificate_renew(certificate_id=certificate_id, within=within)
        except (RenewalError, FileNotFoundError) as error:
            number = Certificate.objects.get(pk=certificate_id).number
            faults.append(f"{number} was not renewed: {error}")
    if renewed:
        checkpoint_sign()
    return Renewals(renewed, tuple(faults))


def certificate_renew(*, certificate_id: UUID, within: timedelta = MARGIN) -> bool:
    """Add an archive timestamp to one document's file if it is due; says whether one was added.

    Raises:
        RenewalError: The last timestamp does not hold any more.
        FileNotFoundError: The file is not in the storage.
        TimestampUnavailableError: The authority does not answer.
    """
    certificate = Certificate.objects.get(pk=certificate_id)
    before = pdf_read(certificate.pdf_name)
    end = archived_until(before)
    if end > now() + within:
        Certificate.objects.filter(pk=certificate_id).update(archived_until=end)
        return False
    after = renew_pdf(before)
    name = pdf_store(certificate.pk, after)
    if not _recorded(certificate, before, after, name):
        return False
    pdf_keep_only(name)
    return True


@transaction.atomic(durable=True)
def _recorded(seen: Certificate, before: bytes, after: bytes, name: str) -> bool:
    """Record the longer file, unless another worker renewed the same one meanwhile."""
    certificate = Certificate.objects.select_for_update().get(pk=seen.pk)
    if certificate.pdf_name != seen.pdf_name:
        return False
    recorded = renewed_data(after, len(before))
    leaf = audit_record_now(
        action=AuditAction.CERTIFICATE_RENEWED,
        actor=RENEWER.pseudonym,
        controller_id=certificate.controller_id,
        subject=certificate.subject,
        data={"number": certificate.number, "statement": certificate.statement_digest, **recorded},
    )
    certificate.pdf_name = name
    certificate.pdf_sha256 = recorded["pdf"]
    certificate.pdf_length = recorded["length"]
    certificate.renewed_seq = leaf.seq
    certificate.archived_until = archived_until(after)
    certificate.save()
    return True


def _due(within: timedelta) -> Iterator[UUID]:
    due = Q(archived_until__isnull=True) | Q(archived_until__lt=now() + within)
    found = Certificate.objects.filter(due, status=Status.ISSUED).order_by("archived_until")
    return iter(found.values_list("pk", flat=True))
