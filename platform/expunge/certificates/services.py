"""Issuing a certificate, in the one order that proves something; revoking it.

1. The statement is fixed and its digest appended to the log. 2. A checkpoint over it is signed
and timestamped. 3. The signed statement, its proof, the checkpoint and the timestamp go into the
PDF, and the PDF is signed. 4. The digest and length of the finished PDF are appended to the log.
5. A checkpoint over that gives the second proof, which travels beside the PDF.

Each step can be the last before a crash: the next call goes on from there.
"""

from __future__ import annotations

import secrets
from uuid import UUID, uuid4

from cryptography.x509.oid import NameOID
from django.conf import settings
from django.db import IntegrityError, transaction

from expunge.accounts.permissions import Actor
from expunge.audit.actions import AuditAction
from expunge.audit.keys import log_key, log_origin
from expunge.audit.services import audit_record_now, checkpoint_sign
from expunge.certificates.envelope import key_id, seal
from expunge.certificates.evidence import issued_data
from expunge.certificates.facts import CertificateFacts
from expunge.certificates.glyphs import printable
from expunge.certificates.keys import document_credential, keys_introduce, statement_credential
from expunge.certificates.kinds import kind_of
from expunge.certificates.models import Certificate, Status
from expunge.certificates.pdf import Imprint, render_pdf
from expunge.certificates.revocation import certificate_revoke
from expunge.certificates.selectors import log_proof
from expunge.certificates.signing import sign_pdf
from expunge.certificates.statement import Identity, build_statement, statement_digest
from expunge.certificates.storage import pdf_keep_only, pdf_read, pdf_store
from expunge.common.clock import now
from expunge.notices.kinds import EventKind
from expunge.notices.services import event_emit

__all__ = ["certificate_issue", "certificate_revoke"]

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
GROUPS, GROUP = 2, 4


def certificate_issue(
    *,
    facts: CertificateFacts,
    ticket_id: UUID,
    controller_id: UUID,
    actor: Actor,
    replaces: Certificate | None = None,
) -> Certificate:
    """Issue the document a ticket's facts have earned, or finish the one already begun.

    It runs outside any transaction, because each step must be kept before the next begins.
    Once a statement is recorded, later facts change nothing. Another document is made only after
    a ticket's last one was revoked, or when it ``replaces`` that one, which then still holds
    until the newer one is issued; it names the one it supersedes.

    Raises:
        FactsError: The facts contradict each other.
        InvalidInputError: ``glyph_missing``: a name has letters that no font has.
        KeyMissingError: A key is not in the key folder.
        RuntimeError: A transaction is open.
    """
    keys_introduce()
    try:
        certificate = _stated(facts, ticket_id, controller_id, actor, replaces)
    except IntegrityError:  # another worker was faster; its statement is the one
        certificate = Certificate.objects.filter(ticket_id=ticket_id).latest("version")
    if certificate.status == Status.STATED:
        checkpoint_sign()
        name = pdf_store(certificate.pk, _signed_pdf(certificate))
        certificate = _issued(certificate, name, actor)
    pdf_keep_only(certificate.pdf_name)
    checkpoint_sign()
    return certificate


@transaction.atomic(durable=True)
def _stated(
    facts: CertificateFacts,
    ticket_id: UUID,
    controller_id: UUID,
    actor: Actor,
    replaces: Certificate | None,
) -> Certificate:
    """Fix the statement and record it, unless that was done before."""
    before = Certificate.objects.filter(ticket_id=ticket_id).order_by("version").last()
    if before is not None and not before.is_revoked and before != replaces:
        return before
    moment = now()
    identity = Identity(
        id=str(uuid4()),
        number=_number(moment.year),
        issuer=settings.EXPUNGE_ISSUER,
        issued_at=moment,
        log=log_origin(),
        version=before.version + 1 if before else 1,
        supersedes=before.number if before else None,
        status_url=f"{settings.EXPUNGE_PUBLIC_URL}/certificates/status.json",
    )
    statement = build_statement(facts, identity)
    printable(statement.decode())
    kind = kind_of(facts.models)
    digest = statement_digest(statement)
    leaf = audit_record_now(
        action=AuditAction.CERTIFICATE_STATEMENT,
        actor=actor.pseudonym,
        controller_id=controller_id,
        subject={"ticket": str(ticket_id), "certificate": identity.id},
        data={"number": identity.number, "kind": kind, "statement": digest},
    )
    # Whoever waited behind the log's lock meets the constraint here, and its entry rolls back.
    return Certificate.objects.create(
        id=UUID(identity.id),
        number=identity.number,
        version=identity.version,
        supersedes=before,
        ticket_id=ticket_id,
        controller_id=controller_id,
        kind=kind,
        language=facts.language,
        statement=statement,
        statement_digest=digest,
        statement_seq=leaf.seq,
    )


def _signed_pdf(certificate: Certificate) -> bytes:
    statement = bytes(certificate.statement)
    signer, printer = statement_credential(), document_credential()
    (name,) = printer.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    imprint = Imprint(
        statement_key=key_id(signer.certificate),
        document_key=key_id(printer.certificate),
        document_signer=str(name.value),
        log_key=str(log_key()),
    )
    envelope = seal(statement, signer.key, signer.certificate)
    pdf = render_pdf(statement, envelope, log_proof(certificate.statement_seq), imprint)
    return sign_pdf(pdf, name=settings.EXPUNGE_ISSUER)


@transaction.atomic(durable=True)
def _issued(certificate: Certificate, pdf_name: str, actor: Actor) -> Certificate:
    """Record the finished PDF; the first to come here decides which file counts."""
    certificate = Certificate.objects.select_for_update().get(pk=certificate.pk)
    if certificate.status == Status.ISSUED:
        return certificate
    recorded = issued_data(pdf_read(pdf_name))
    leaf = audit_record_now(
        action=AuditAction.CERTIFICATE_ISSUED,
        actor=actor.pseudonym,
        controller_id=certificate.controller_id,
        subject=certificate.subject,
        data={"number": certificate.number, "statement": certificate.statement_digest, **recorded},
    )
    certificate.status = Status.ISSUED
    certificate.pdf_name = pdf_name
    certificate.pdf_sha256 = recorded["pdf"]
    certificate.pdf_length = recorded["length"]
    certificate.issued_seq = leaf.seq
    certificate.issued_at = leaf.occurred_at
    certificate.save()
    event_emit(
        kind=EventKind.CERTIFICATE_ISSUED,
        controller_id=certificate.controller_id,
        subject=certificate.subject,
        data={"number": certificate.number, "kind": certificate.kind},
    )
    return certificate


def _number(year: int) -> str:
    """Return a number that tells nothing about how many there are."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS))
    return f"EC-{year}-{'-'.join(groups)}"
