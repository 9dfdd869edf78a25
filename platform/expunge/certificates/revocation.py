"""Revoking a certificate: an entry of the log, a mark on the row, and a new status list.

A revoked certificate stays where it is, for it says what was shown at its time. Whoever checks
it later learns of the revocation from the status list or from a newer export of the log.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record_now
from expunge.certificates.kinds import BY_PEOPLE, RevocationReason
from expunge.certificates.models import Certificate, Status
from expunge.certificates.publication import status_ask
from expunge.common.clock import now
from expunge.common.errors import ConflictError, InvalidInputError, NotFoundError
from expunge.notices.kinds import EventKind
from expunge.notices.services import event_emit


@transaction.atomic
def certificate_revoke(
    *,
    actor: Actor,
    certificate_id: UUID,
    reason: str,
    text: str = "",
    superseded_by: str | None = None,
) -> Certificate:
    """Revoke an issued document for a coded reason; ``text`` is kept encrypted, off the log.

    People may revoke what was issued in error or is superseded, and say why. That data came
    back is for the platform to find out. ``superseded_by`` is the number of the document that
    takes its place, where the platform made one.

    Raises:
        NotFoundError: ``certificate_unknown``.
        NotAllowedError: ``permission_missing``.
        InvalidInputError: ``reason_unknown``, ``text_missing``.
        ConflictError: ``certificate_revoked_already``.
    """
    certificate = certificate_locked(actor, certificate_id)
    _check(reason, BY_PEOPLE if actor.user else frozenset(RevocationReason))
    if actor.user and not text.strip():
        raise InvalidInputError("text_missing", _("Say why, in a sentence or two."), field="text")
    if certificate.is_revoked:
        raise ConflictError("certificate_revoked_already", _("This document is revoked already."))
    certificate.revoked_at = now()
    certificate.revoked_reason = reason
    certificate.revoked_text = text.strip() or None
    leaf = audit_record_now(
        action=AuditAction.CERTIFICATE_REVOKED,
        actor=actor.pseudonym,
        controller_id=certificate.controller_id,
        subject=certificate.subject,
        data={
            "number": certificate.number,
            "statement": certificate.statement_digest,
            "reason": reason,
            **({"superseded_by": superseded_by} if superseded_by else {}),
        },
    )
    certificate.revoked_seq = leaf.seq
    certificate.save()
    status_ask()
    event_emit(
        kind=EventKind.CERTIFICATE_REVOKED,
        controller_id=certificate.controller_id,
        subject=certificate.subject,
        data={"number": certificate.number, "reason": reason},
    )
    return certificate


def certificate_locked(actor: Actor, certificate_id: UUID) -> Certificate:
    """Return an issued document that the actor may revoke, locked until the transaction ends.

    Raises:
        NotFoundError: ``certificate_unknown``.
        NotAllowedError: ``permission_missing``.
    """
    certificate = (
        Certificate.objects.select_for_update()
        .filter(
            pk=certificate_id,
            status=Status.ISSUED,
            controller_id__in=actor.controllers(Permission.CERTIFICATE_VIEW),
        )
        .first()
    )
    if certificate is None:
        raise NotFoundError("certificate_unknown", _("There is no such certificate for you."))
    actor.require(Permission.CERTIFICATE_REVOKE, certificate.controller_id)
    return certificate


def _check(reason: str, known: Collection[str]) -> None:
    if reason not in known:
        words = ", ".join(sorted(known))
        raise InvalidInputError(
            "reason_unknown",
            _("Give a reason: one of %(words)s.") % {"words": words},
            field="reason",
        )
