"""Sending one letter by mail. Nothing here quotes data: an error is a code."""

from __future__ import annotations

import logging
from smtplib import SMTPRecipientsRefused, SMTPResponseException
from uuid import UUID

from django.core.mail import EmailMultiAlternatives
from django.db import transaction

from expunge.audit.actions import AuditAction
from expunge.notices.handling import notice_audit
from expunge.notices.letters import Letter
from expunge.notices.models import Notice
from expunge.notices.outbox import MAIL, gives_up, row_claim, row_failed, row_sent
from expunge.notices.retention import ERASED

logger = logging.getLogger(__name__)

PERMANENT = 500


def notice_deliver(notice_id: UUID) -> None:
    """Send one letter if it is due and nobody else has it. Its text is erased once it is out."""
    notice = row_claim(Notice, notice_id)
    if notice is None:
        return
    try:
        _mail(notice).send()
    except Exception as error:  # noqa: BLE001 - whatever a mail system does, the row must go on
        code, final = _verdict(error)
        # No trace and no message: both may quote the address.
        logger.warning("Notice %s was not sent: %s", notice.pk, code)
        _record_failure(notice, code, final=final)
    else:
        _record_success(notice)


@transaction.atomic
def _record_success(notice: Notice) -> None:
    if row_sent(notice, **ERASED):
        notice_audit(AuditAction.NOTICE_SENT, notice)


@transaction.atomic
def _record_failure(notice: Notice, code: str, *, final: bool) -> None:
    mine = row_failed(notice, error=code, patience=MAIL, final=final)
    if mine and gives_up(notice, MAIL, final=final):
        notice_audit(AuditAction.NOTICE_FAILED, notice, error=code)


def _mail(notice: Notice) -> EmailMultiAlternatives:
    letter = Letter(notice.subject or "", notice.body or "")
    message = EmailMultiAlternatives(
        subject=letter.subject,
        body=letter.body,
        to=[notice.recipient or ""],
        headers={
            "Message-ID": notice.message_id,
            "Auto-Submitted": "auto-generated",
            "Content-Language": notice.language,
        },
    )
    message.attach_alternative(letter.html, "text/html")
    return message


def _verdict(error: Exception) -> tuple[str, bool]:
    """Return a code for what went wrong, and whether trying again is of no use."""
    if isinstance(error, SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        return f"refused_{codes[0]}" if codes else "refused", all(c >= PERMANENT for c in codes)
    if isinstance(error, SMTPResponseException):
        return f"smtp_{error.smtp_code}", error.smtp_code >= PERMANENT
    return type(error).__name__, False
