"""What this room writes to people, through the outbox."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from expunge.accounts.permissions import Actor
from expunge.notices.kinds import NoticeKind
from expunge.notices.services import mail_send
from expunge.subjects.intake_payload import IntakePayload
from expunge.subjects.links import link_for
from expunge.subjects.models import IntakeRequest
from expunge.tickets.correspondence import GERMAN_SPEAKING
from expunge.tickets.models import Ticket
from expunge.tickets.payload import payload_decrypt
from expunge.tickets.regimes import regime_named


def identity_letter(
    ticket: Ticket, actor: Actor, kind: NoticeKind, *, until: datetime, code: str = ""
) -> None:
    """Write to the person of a ticket about their identity, with a way to the status page."""
    payload = payload_decrypt(ticket)
    if payload is None or not payload.contact.strip():
        return
    link = link_for(ticket=ticket, actor=actor)
    mail_send(
        kind=kind,
        controller_id=ticket.controller_id,
        recipient=payload.contact,
        language=payload.language or _language_at(ticket),
        context={
            "person": payload.subject_name,
            "reference": ticket.reference,
            "received_on": ticket.clock["received_on"],
            "law": str(regime_named(ticket.regime).title),
            "code": code,
            "valid_until": _moment(until, ticket.controller.time_zone),
            "identity_link": link,
            "status_link": link,
        },
        ticket_id=ticket.pk,
    )


def intake_letter(
    intake: IntakeRequest, payload: IntakePayload, kind: NoticeKind, **more: str
) -> None:
    """Write to the person who used the public form."""
    if not payload.contact.strip():
        return
    mail_send(
        kind=kind,
        controller_id=intake.controller_id,
        recipient=payload.contact,
        language=intake.language,
        context={
            "person": payload.subject_name,
            "reference": intake.reference,
            "received_on": intake.received_at.date().isoformat(),
            "due_on": intake.due_on.isoformat(),
            "law": str(regime_named(intake.regime).title),
            **more,
        },
        ticket_id=None,
    )


def _language_at(ticket: Ticket) -> str:
    return "de" if ticket.controller.country in GERMAN_SPEAKING else "en"


def _moment(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} ({zone})"
