"""What this room writes to people, through the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.utils import translation
from django.utils.formats import date_format

from expunge.accounts.permissions import Actor
from expunge.notices.kinds import NoticeKind
from expunge.notices.services import mail_send
from expunge.subjects.intake_payload import IntakePayload
from expunge.subjects.links import link_for
from expunge.subjects.models import IntakeRequest
from expunge.tickets.correspondence import DATES, GERMAN_SPEAKING, day_written
from expunge.tickets.models import Ticket
from expunge.tickets.payload import payload_decrypt
from expunge.tickets.regimes import regime_named

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def identity_letter(
    ticket: Ticket, actor: Actor, kind: NoticeKind, *, until: datetime, code: str = ""
) -> None:
    """Write to the person of a ticket about their identity, with a way to the status page."""
    payload = payload_decrypt(ticket)
    if payload is None or not payload.contact.strip():
        return
    link = link_for(ticket=ticket, actor=actor)
    language = payload.language or _language_at(ticket)
    with translation.override(language):
        context = {
            "person": payload.subject_name,
            "reference": ticket.reference,
            "received_on": day_written(ticket.clock["received_on"]),
            "law": str(regime_named(ticket.regime).title),
            "code": code,
            "valid_until": _moment(until, ticket.controller.time_zone),
            "identity_link": link,
            "status_link": link,
        }
    mail_send(
        kind=kind,
        controller_id=ticket.controller_id,
        recipient=payload.contact,
        language=language,
        context=context,
        ticket_id=ticket.pk,
    )


def intake_letter(
    intake: IntakeRequest, payload: IntakePayload, kind: NoticeKind, **more: StrOrPromise | datetime
) -> None:
    """Write to the person who used the public form; the words of ``more`` in their language."""
    if not payload.contact.strip():
        return
    with translation.override(intake.language):
        context = {
            "person": payload.subject_name,
            "reference": intake.reference,
            "received_on": day_written(intake.received_at.date().isoformat()),
            "due_on": day_written(intake.due_on.isoformat()),
            "law": str(regime_named(intake.regime).title),
        }
        for name, value in more.items():
            written = _moment(value, "UTC") if isinstance(value, datetime) else str(value)
            context[name] = written
    mail_send(
        kind=kind,
        controller_id=intake.controller_id,
        recipient=payload.contact,
        language=intake.language,
        context=context,
        ticket_id=None,
    )


def _language_at(ticket: Ticket) -> str:
    return "de" if ticket.controller.country in GERMAN_SPEAKING else "en"


def _moment(moment: datetime, zone: str) -> str:
    form = DATES[translation.get_language() or "en"]
    return f"{date_format(moment.astimezone(ZoneInfo(zone)), f'{form}, H:i')} ({zone})"
