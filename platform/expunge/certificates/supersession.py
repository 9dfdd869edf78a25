"""Superseding a document: a newer one takes its place, and the older one says which.

For what is wrong with the document and not with the tests: it is wanted in another language, names
something that was corrected since, or was signed with a key that became known. Somebody asks; a
worker of the signing queue makes the newer document and, once it is issued, revokes the older one
as superseded. So at every moment one of them holds, and a crash in between is finished by asking
the worker again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, cast, get_args
from uuid import UUID

from celery import current_app
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from expunge.accounts.permissions import Actor
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.certificates.facts import AttemptFacts, CertificateFacts, Language, ModelFacts
from expunge.certificates.kinds import RevocationReason, SupersessionReason
from expunge.certificates.models import Certificate, Supersession
from expunge.certificates.revocation import certificate_locked, certificate_revoke
from expunge.certificates.services import certificate_issue
from expunge.certificates.statement import read_predicate
from expunge.common.errors import ConflictError, InvalidInputError

REPLACE = "expunge.jobs.tasks.certificate_replace"
WORKER = Actor(system="worker")
LANGUAGES: tuple[str, ...] = get_args(Language)

logger = logging.getLogger(__name__)


@transaction.atomic
def certificate_supersede(
    *, actor: Actor, certificate_id: UUID, reason: str, text: str, language: str = ""
) -> Supersession:
    """Ask that a newer document take the place of an issued one; the work is a signing worker's.

    ``language`` is that of the newer document, the older one's when it is empty.

    Raises:
        NotFoundError: ``certificate_unknown``.
        NotAllowedError: ``permission_missing``.
        InvalidInputError: ``reason_unknown``, ``language_unknown``, ``language_same``,
            ``text_missing``.
        ConflictError: ``certificate_revoked_already``, ``certificate_superseded_already``.
    """
    certificate = certificate_locked(actor, certificate_id)
    language = language or certificate.language
    _check(certificate, reason, text, language)
    asked = Supersession.objects.create(
        certificate=certificate,
        reason=reason,
        language=language,
        asked_by=actor.pseudonym,
        text=text.strip(),
    )
    audit_record(
        action=AuditAction.CERTIFICATE_SUPERSESSION,
        actor=actor.pseudonym,
        controller_id=certificate.controller_id,
        subject=certificate.subject,
        data={"number": certificate.number, "reason": reason, "language": language},
    )
    _ask(certificate.pk)
    return asked


def supersessions_due() -> QuerySet[Supersession]:
    """Return what was asked for and is not done, oldest first."""
    return Supersession.objects.filter(certificate__revoked_at__isnull=True)


def supersession_carry_out(
    *, certificate_id: UUID, fresh: Callable[[Certificate], CertificateFacts]
) -> Certificate | None:
    """Issue what was asked for and revoke the older document; ``None`` when there is none due.

    ``fresh`` collects the facts anew, for a correction; otherwise the older statement is said
    again. May be called at any time, by several workers: one newer document results.
    """
    asked = supersessions_due().select_related("certificate").filter(certificate=certificate_id)
    due = asked.first()
    if due is None:
        return None
    older = due.certificate
    facts = stated_facts(older)
    if due.reason == SupersessionReason.CORRECTION:
        # Which records they were is known only as it was stated: the ticket's key is gone.
        facts = replace(fresh(older), scope=facts.scope, completed_at=facts.completed_at)
    newer = certificate_issue(
        facts=replace(facts, language=cast("Language", due.language)),
        ticket_id=older.ticket_id,
        controller_id=older.controller_id,
        actor=WORKER,
        replaces=older,
    )
    try:
        certificate_revoke(
            actor=WORKER,
            certificate_id=older.pk,
            reason=RevocationReason.SUPERSEDED,
            superseded_by=newer.number,
        )
    except ConflictError:
        logger.info("%s was revoked meanwhile", older.number)
    return newer


def stated_facts(certificate: Certificate) -> CertificateFacts:
    """Return the facts that a certificate's statement was made from."""
    said = read_predicate(bytes(certificate.statement))
    models = tuple(
        ModelFacts(
            **{
                **_parts(ModelFacts, model),
                "attempts": tuple(
                    AttemptFacts(**_parts(AttemptFacts, item)) for item in model.attempts
                ),
            }
        )
        for model in said.models
    )
    return CertificateFacts(**{**_parts(CertificateFacts, said), "models": models})


def _parts(kind: Any, said: Any) -> dict[str, Any]:
    return {field.name: getattr(said, field.name) for field in fields(kind)}


def _check(certificate: Certificate, reason: str, text: str, language: str) -> None:
    if certificate.is_revoked:
        raise ConflictError("certificate_revoked_already", _("This document is revoked already."))
    if Supersession.objects.filter(certificate=certificate).exists():
        raise ConflictError(
            "certificate_superseded_already",
            _("A newer document that takes its place was asked for already."),
        )
    if reason not in set(SupersessionReason):
        words = ", ".join(sorted(SupersessionReason))
        raise InvalidInputError(
            "reason_unknown",
            _("Give a reason: one of %(words)s.") % {"words": words},
            field="reason",
        )
    if language not in LANGUAGES:
        raise InvalidInputError("language_unknown", _("Choose a language."), field="language")
    if reason == SupersessionReason.LANGUAGE and language == certificate.language:
        raise InvalidInputError(
            "language_same", _("The document is in that language already."), field="language"
        )
    if not text.strip():
        raise InvalidInputError("text_missing", _("Say why, in a sentence or two."), field="text")


def _ask(certificate_id: UUID) -> None:
    """Have a signing worker make it once the transaction is over; if no one hears, the sweep."""

    def ask() -> None:
        try:
            current_app.send_task(REPLACE, args=[str(certificate_id)], retry=False)
        except (OperationalError, OSError):
            logger.warning("The broker does not answer; the sweep asks for the newer document")

    transaction.on_commit(ask)
