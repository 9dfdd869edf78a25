"""Codes mailed to the address of a waiting request: sent, and entered."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from expunge.common.clock import now
from expunge.common.errors import ConflictError, InvalidInputError
from expunge.notices.kinds import NoticeKind
from expunge.notices.services import is_mail_address
from expunge.subjects.codes import (
    LIFETIME,
    MOST_SENDS,
    MOST_TRIES,
    PAUSE_BETWEEN,
    code_digest,
    code_fits,
    code_new,
)
from expunge.subjects.intake_payload import IntakePayload, payload_open
from expunge.subjects.letters import intake_letter
from expunge.subjects.links import link_for_intake
from expunge.subjects.models import IntakeRequest
from expunge.subjects.selectors import intake_waiting

PURPOSE = "intake-address"


@transaction.atomic
def intake_code_send(*, intake_id: UUID) -> None:
    """Mail a fresh code to a waiting request's address, as often as the limits allow.

    Raises:
        ConflictError: ``intake_decided``, ``no_mail_address``, ``too_many_codes``.
    """
    intake = intake_waiting(IntakeRequest.objects.filter(pk=intake_id))
    payload = payload_open(intake)
    if payload is None or not is_mail_address(payload.contact):
        raise ConflictError("no_mail_address", _("You gave us no mail address."))
    sent_at = intake.code_expires_at - LIFETIME if intake.code_expires_at else None
    if intake.code_sends >= MOST_SENDS or (sent_at and sent_at > now() - PAUSE_BETWEEN):
        raise ConflictError(
            "too_many_codes", _("A code was sent just now, or too many were before.")
        )
    intake_code_mail(intake, payload)


def intake_code_enter(*, intake_id: UUID, code: str) -> None:
    """Try a code; the right one shows that the mail address is the person's.

    Raises:
        ConflictError: ``intake_decided``, ``code_used_up``.
        InvalidInputError: ``code_wrong``.
    """
    with transaction.atomic():
        intake = intake_waiting(IntakeRequest.objects.filter(pk=intake_id))
        expires_at = intake.code_expires_at
        usable = expires_at is not None and expires_at > now() and intake.code_tries < MOST_TRIES
        fits = usable and code_fits(
            code,
            intake.code_digest,
            purpose=PURPOSE,
            request=intake.pk,
            expires_at=expires_at or now(),
        )
        if usable:
            intake.code_tries += 1
        if fits:
            intake.shown_at, intake.code_digest = now(), None
        intake.save(update_fields=["code_tries", "shown_at", "code_digest"])
    if not usable:
        raise ConflictError("code_used_up", _("This code is no longer good. Ask for a new one."))
    if not fits:
        raise InvalidInputError(
            "code_wrong", _("This is not the code of our letter."), field="code"
        )


def intake_code_mail(intake: IntakeRequest, payload: IntakePayload) -> None:
    """Mail a fresh code; the caller has locked the request and looked at the limits."""
    code, expires_at = code_new(), (now() + LIFETIME).replace(microsecond=0)
    intake.code_digest = code_digest(
        code, purpose=PURPOSE, request=intake.pk, expires_at=expires_at
    )
    intake.code_expires_at, intake.code_tries = expires_at, 0
    intake.code_sends += 1
    intake.save(update_fields=["code_digest", "code_expires_at", "code_tries", "code_sends"])
    link = link_for_intake(intake)
    intake_letter(
        intake,
        payload,
        NoticeKind.IDENTITY_REQUEST,
        code=code,
        valid_until=expires_at,
        identity_link=link,
        status_link=link,
    )
