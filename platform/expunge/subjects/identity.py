"""Showing who one is: by a mailed code, by evidence that a person saw, by an agent's word.

Success moves the ticket to review. What was seen is kept by kind and level, never as a copy.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import now
from expunge.common.errors import ConflictError, InvalidInputError, NotAllowedError
from expunge.notices.kinds import NoticeKind
from expunge.notices.services import is_mail_address
from expunge.subjects.access import PERSON, identity_awaited, ticket_locked
from expunge.subjects.codes import (
    LIFETIME,
    MOST_SENDS,
    MOST_TRIES,
    PAUSE_BETWEEN,
    code_digest,
    code_fits,
    code_new,
)
from expunge.subjects.kinds import Evidence, Level, Method, Standing
from expunge.subjects.letters import identity_letter
from expunge.subjects.models import IdentityCheck
from expunge.tickets.deadlines import clock_pause, clock_resume
from expunge.tickets.models import Ticket
from expunge.tickets.payload import payload_decrypt, text_encrypt, ticket_key
from expunge.tickets.services import ticket_identity_confirm

PURPOSE = "identity"
LONGEST_REFERENCE = 500


@transaction.atomic
def identity_code_send(*, actor: Actor, ticket_id: UUID) -> IdentityCheck:
    """Mail a fresh code to the person; an earlier one stops being good.

    Raises:
        ConflictError: ``identity_not_awaited``, ``no_mail_address``, ``too_many_codes``.
    """
    ticket = ticket_locked(actor, ticket_id, Permission.TICKET_REVIEW)
    identity_awaited(ticket)
    _may_be_mailed(ticket)
    _close_open(ticket, Standing.REPLACED)
    code, expires_at = code_new(), (now() + LIFETIME).replace(microsecond=0)
    check = IdentityCheck.objects.create(
        ticket=ticket,
        method=Method.MAILED_CODE,
        level=Level.LOW,
        standing=Standing.ASKED,
        expires_at=expires_at,
        digest=code_digest(code, purpose=PURPOSE, request=ticket.pk, expires_at=expires_at),
    )
    identity_letter(ticket, actor, NoticeKind.IDENTITY_REQUEST, until=expires_at, code=code)
    clock_pause(ticket=ticket, actor=actor)
    _audit(AuditAction.IDENTITY_ASKED, actor, check)
    return check


def identity_code_enter(*, actor: Actor, ticket_id: UUID, code: str) -> Ticket:
    """Try a code. The right one moves the ticket to review; a wrong one is counted.

    Raises:
        ConflictError: ``identity_not_awaited``, ``code_expired``, ``code_used_up``.
        InvalidInputError: ``code_wrong``.
    """
    # A wrong try must stay counted, so the refusal is raised only after the commit.
    with transaction.atomic():
        ticket = ticket_locked(actor, ticket_id, Permission.TICKET_REVIEW)
        identity_awaited(ticket)
        refusal = _try_code(ticket, actor, code)
    if refusal is not None:
        raise refusal
    ticket.refresh_from_db()
    return ticket


@transaction.atomic
def identity_evidence_record(
    *, actor: Actor, ticket_id: UUID, evidence: str, level: str, seen: str
) -> Ticket:
    """Record that a person saw evidence: its kind, its level, and where it was seen.

    Raises:
        InvalidInputError: ``evidence_unknown``, ``level_unknown``, ``reference_missing``.
        NotAllowedError: ``person_needed``.
    """
    ticket = ticket_locked(actor, ticket_id, Permission.TICKET_REVIEW)
    if actor.user is None:
        raise NotAllowedError("person_needed", _("A person must have seen the evidence."))
    if evidence not in Evidence.values:
        raise InvalidInputError(
            "evidence_unknown",
            _("Evidence is one of %(values)s.") % {"values": ", ".join(Evidence.values)},
            field="evidence",
        )
    return _shown(ticket, actor, Method.MANUAL_EVIDENCE, level, seen, evidence)


@transaction.atomic
def identity_attest(*, actor: Actor, ticket_id: UUID, level: str, reference: str) -> Ticket:
    """Record that an agent attests who the person is, under a reference of the agent's.

    Raises:
        InvalidInputError: ``level_unknown``, ``reference_missing``.
    """
    ticket = ticket_locked(actor, ticket_id, Permission.TICKET_REVIEW)
    return _shown(ticket, actor, Method.AGENT_ATTESTATION, level, reference, "")


def identity_proven_by_mail(*, ticket: Ticket, shown_at: datetime) -> None:
    """Accept what the person of a fresh ticket showed before it was filed, by a mailed code."""
    check = IdentityCheck.objects.create(
        ticket=ticket,
        method=Method.MAILED_CODE,
        level=Level.LOW,
        standing=Standing.SHOWN,
        ended_at=shown_at,
    )
    _confirm(ticket, PERSON, check)


def _may_be_mailed(ticket: Ticket) -> None:
    payload = payload_decrypt(ticket)
    if payload is None or not is_mail_address(payload.contact):
        raise ConflictError(
            "no_mail_address",
            _("This ticket has no mail address to send a code to. Record other evidence instead."),
        )
    moment = now()
    sent = IdentityCheck.objects.filter(ticket=ticket, method=Method.MAILED_CODE)
    many = sent.filter(created_at__gt=moment - timedelta(days=1)).count() >= MOST_SENDS
    if many or sent.filter(created_at__gt=moment - PAUSE_BETWEEN).exists():
        raise ConflictError(
            "too_many_codes",
            _(
                "A code was sent just now, or %(most_sends)s were within a day. "
                "Wait, then ask again."
            )
            % {"most_sends": MOST_SENDS},
        )


def _try_code(ticket: Ticket, actor: Actor, code: str) -> ConflictError | InvalidInputError | None:
    check = IdentityCheck.objects.filter(ticket=ticket, standing=Standing.ASKED).first()
    if check is None or check.expires_at is None:
        return ConflictError(
            "code_used_up", _("There is no code that could be entered. Ask for one.")
        )
    if check.expires_at <= now():
        _end(check, Standing.LAPSED)
        return ConflictError("code_expired", _("This code has expired. Ask for a new one."))
    fits = code_fits(
        code, check.digest, purpose=PURPOSE, request=ticket.pk, expires_at=check.expires_at
    )
    check.tries += 1
    if fits:
        check.checked_by = actor.user
        _end(check, Standing.SHOWN)
        _confirm(ticket, actor, check)
        return None
    if check.tries >= MOST_TRIES:
        _end(check, Standing.FAILED)
        _audit(AuditAction.IDENTITY_FAILED, actor, check)
        return ConflictError("code_used_up", _("Too many wrong codes. Ask for a new one."))
    check.save(update_fields=["tries"])
    left = MOST_TRIES - check.tries
    return InvalidInputError(
        "code_wrong",
        _("This is not the code of our latest letter. Tries left: %(left)s.") % {"left": left},
        field="code",
    )


def _shown(  # noqa: PLR0913, PLR0917 - a check is written once, whole
    ticket: Ticket, actor: Actor, method: Method, level: str, reference: str, evidence: str
) -> Ticket:
    identity_awaited(ticket)
    if level not in Level.values:
        raise InvalidInputError(
            "level_unknown",
            _("A level is one of %(values)s.") % {"values": ", ".join(Level.values)},
            field="level",
        )
    if not reference.strip() or len(reference) > LONGEST_REFERENCE:
        raise InvalidInputError(
            "reference_missing",
            _("Say where it was seen or under which number, in up to %(longest_reference)s signs.")
            % {"longest_reference": LONGEST_REFERENCE},
            field="reference",
        )
    _close_open(ticket, Standing.REPLACED)
    key = ticket_key(ticket)
    check = IdentityCheck(
        ticket=ticket,
        method=method,
        level=level,
        standing=Standing.SHOWN,
        evidence=evidence,
        reference=text_encrypt(ticket, reference.strip(), key) if key else None,
        checked_by=actor.user,
        ended_at=now(),
    )
    check.save(force_insert=True)
    _confirm(ticket, actor, check)
    ticket.refresh_from_db()
    return ticket


def _confirm(ticket: Ticket, actor: Actor, check: IdentityCheck) -> None:
    clock_resume(ticket=ticket, actor=actor)
    ticket_identity_confirm(actor=actor, ticket_id=ticket.pk)
    _audit(AuditAction.IDENTITY_SHOWN, actor, check)


def _close_open(ticket: Ticket, standing: Standing) -> None:
    for check in IdentityCheck.objects.filter(ticket=ticket, standing=Standing.ASKED):
        lapsed = check.expires_at is not None and check.expires_at <= now()
        _end(check, Standing.LAPSED if lapsed else standing)


def _end(check: IdentityCheck, standing: Standing) -> None:
    check.standing, check.digest, check.ended_at = standing, None, now()
    check.save(update_fields=["standing", "digest", "ended_at", "tries", "checked_by"])


def _audit(action: AuditAction, actor: Actor, check: IdentityCheck) -> None:
    audit_record(
        action=action,
        actor=actor.pseudonym,
        controller_id=check.ticket.controller_id,
        subject={"ticket": str(check.ticket_id), "identity_check": str(check.pk)},
        data={"method": check.method, "level": check.level, "evidence": check.evidence},
    )
