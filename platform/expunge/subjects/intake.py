"""Requests through the public form: received, made a ticket, declined or taken back.

Nothing here says whether a person is known: what is received is stored and answered alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from expunge.accounts.models import Controller
from expunge.accounts.permissions import Actor, Permission
from expunge.accounts.selectors import policy_of
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import local_date, now
from expunge.common.errors import ConflictError, InvalidInputError, NotFoundError
from expunge.notices.kinds import NoticeKind
from expunge.notices.services import is_mail_address
from expunge.subjects.access import PERSON
from expunge.subjects.identity import identity_proven_by_mail
from expunge.subjects.intake_codes import intake_code_mail
from expunge.subjects.intake_payload import (
    IntakePayload,
    payload_open,
    payload_seal,
    payload_shred,
)
from expunge.subjects.kinds import DeclineReason, IntakeStanding
from expunge.subjects.letters import intake_letter
from expunge.subjects.links import link_for_intake
from expunge.subjects.models import IntakeRequest, StatusLink
from expunge.subjects.selectors import intake_waiting, intakes_for
from expunge.tickets.clocks import Establishment, deadline
from expunge.tickets.intake import new_reference
from expunge.tickets.models import Ticket
from expunge.tickets.payload import TicketPayload
from expunge.tickets.regimes import regime_named
from expunge.tickets.services import ticket_file

MOST_WAITING = 10_000
"""So many requests of one organisation may wait; a flood beyond them is turned away."""


def intake_controller(controller_id: UUID) -> Controller:
    """Return an organisation that takes requests by form; raises ``intake_closed``."""
    found = Controller.objects.filter(pk=controller_id).first()
    if found is None or not intake_open(found.pk):
        raise NotFoundError("intake_closed", _("There is no form here. Write to the organisation."))
    return found


def intake_open(controller_id: UUID) -> bool:
    """Say whether the platform and the organisation both want the public form."""
    return bool(settings.EXPUNGE_PUBLIC_INTAKE) and policy_of(controller_id).public_intake


@transaction.atomic
def intake_receive(
    *,
    controller_id: UUID,
    regime: str,
    payload: IntakePayload,
    language: str,
    quiet: bool = False,
) -> tuple[IntakeRequest, str]:
    """Store a request as received now; return it with the address of its status page.

    ``quiet``: write no letter, for somebody has had many letters sent to this contact already.

    Raises:
        NotFoundError: ``intake_closed``.
        InvalidInputError: ``regime_unknown``, ``name_missing``, ``contact_missing``.
        ConflictError: ``intake_full``.
    """
    controller = intake_controller(controller_id)
    for name, field in (("name_missing", "subject_name"), ("contact_missing", "contact")):
        if not getattr(payload, field).strip():
            raise InvalidInputError(name, _("Say who you are and how we reach you."), field=field)
    intake = intake_enter(
        actor=PERSON,
        controller_id=controller.pk,
        regime=regime,
        payload=payload,
        received_at=now(),
        language=language,
    )
    link = link_for_intake(intake)
    if not quiet:
        intake_letter(intake, payload, NoticeKind.ACKNOWLEDGEMENT, status_link=link)
    if not quiet and is_mail_address(payload.contact):
        intake_code_mail(intake, payload)
    return intake, link


@transaction.atomic
def intake_enter(  # noqa: PLR0913 - a request is stored once, whole
    *,
    actor: Actor,
    controller_id: UUID,
    regime: str,
    payload: IntakePayload,
    received_at: datetime,
    language: str = "en",
) -> IntakeRequest:
    """Store a request by whatever door it came; nobody is written to.

    Raises:
        InvalidInputError: ``regime_unknown``.
        ConflictError: ``intake_full``.
    """
    controller = Controller.objects.get(pk=controller_id)
    waiting = IntakeRequest.objects.filter(
        controller=controller, standing=IntakeStanding.WAITING
    ).count()
    if waiting >= MOST_WAITING:
        raise ConflictError("intake_full", _("We cannot take more requests this way. Write to us."))
    rule = regime_named(regime).clocks[0]
    place = Establishment(controller.country, controller.subdivision, controller.time_zone)
    intake = IntakeRequest(
        controller=controller,
        reference=f"IN-{new_reference().removeprefix('EX-')}",
        regime=regime,
        received_at=received_at,
        due_on=deadline(rule, local_date(received_at, controller.time_zone), place).due,
        language=language,
    )
    payload_seal(intake, payload)
    intake.refresh_from_db()
    _audit(AuditAction.INTAKE_RECEIVED, intake, actor, {"regime": regime})
    return intake


@transaction.atomic
def intake_withdraw(*, actor: Actor, intake_id: UUID) -> IntakeRequest:
    """Take a waiting request back at the wish of who made it, and destroy what it says.

    Raises:
        ConflictError: ``intake_decided``.
    """
    intake = intake_waiting(intakes_for(actor).filter(pk=intake_id))
    _decide(intake, actor, IntakeStanding.WITHDRAWN)
    _audit(AuditAction.INTAKE_WITHDRAWN, intake, actor, {})
    return intake


@transaction.atomic
def intake_file(  # noqa: PLR0913 - a ticket is filed once, whole
    *,
    actor: Actor,
    intake_id: UUID,
    regime: str,
    ground: str,
    node_ids: Iterable[UUID],
    payload: TicketPayload,
    profile: str | None = None,
    identity_confirmed: bool = False,
) -> Ticket:
    """Make a ticket of a request; its clock runs from the receipt of the request.

    A person who entered the code of their mail address has shown their identity at the level
    ``low`` already, if the ticket keeps that address.

    Raises:
        NotFoundError: ``intake_unknown``.
        ConflictError: ``intake_decided``; and what :func:`ticket_file` raises.
    """
    intake = intake_waiting(intakes_for(actor).filter(pk=intake_id))
    said = payload_open(intake)
    ticket = ticket_file(
        actor=actor,
        controller_id=intake.controller_id,
        regime=regime,
        ground=ground,
        node_ids=node_ids,
        payload=TicketPayload(
            payload.subject_name, payload.contact, payload.note, language=intake.language
        ),
        received_at=intake.received_at,
        profile=profile,
        identity_confirmed=identity_confirmed,
    )
    StatusLink.objects.filter(intake=intake).update(ticket=ticket)
    same = said is not None and said.contact.strip() == payload.contact.strip()
    if intake.shown_at and same and not identity_confirmed:
        identity_proven_by_mail(ticket=ticket, shown_at=intake.shown_at)
        ticket.refresh_from_db()
    _decide(intake, actor, IntakeStanding.FILED, ticket=ticket)
    _audit(AuditAction.INTAKE_FILED, intake, actor, {"ticket": str(ticket.pk)})
    return ticket


@transaction.atomic
def intake_decline(*, actor: Actor, intake_id: UUID, reason: str, text: str) -> IntakeRequest:
    """Make no ticket of a request; tell the person why, and destroy what they wrote.

    Raises:
        NotFoundError: ``intake_unknown``.
        InvalidInputError: ``reason_unknown``, ``text_missing``.
        ConflictError: ``intake_decided``.
    """
    intake = intake_waiting(intakes_for(actor).filter(pk=intake_id))
    actor.require(Permission.TICKET_REVIEW, intake.controller_id)
    if reason not in DeclineReason.values:
        raise InvalidInputError(
            "reason_unknown",
            _("A reason is one of %(values)s.") % {"values": ", ".join(DeclineReason.values)},
            field="reason",
        )
    if not text.strip():
        raise InvalidInputError("text_missing", _("Say why, in a sentence or two."), field="text")
    payload = payload_open(intake)
    if payload is not None:
        intake_letter(
            intake,
            payload,
            NoticeKind.INTAKE_DECLINED,
            reason=DeclineReason(reason).label,
            explanation=text.strip(),
            remedy=regime_named(intake.regime).remedy,
        )
    _decide(intake, actor, IntakeStanding.DECLINED, reason=reason)
    _audit(AuditAction.INTAKE_DECLINED, intake, actor, {"reason": reason})
    return intake


def _decide(intake: IntakeRequest, actor: Actor, standing: IntakeStanding, **columns: Any) -> None:
    payload_shred(intake)
    intake.standing, intake.decided_by, intake.decided_at = standing, actor.user, now()
    for name, value in columns.items():
        setattr(intake, name, value)
    intake.save()


def _audit(action: AuditAction, intake: IntakeRequest, actor: Actor, data: dict[str, str]) -> None:
    audit_record(
        action=action,
        actor=actor.pseudonym,
        controller_id=intake.controller_id,
        subject={"intake": str(intake.pk)},
        data=data,
    )
