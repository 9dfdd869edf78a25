"""Requests whose person never showed who they are: reminded in advance, then ended."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from expunge.accounts.permissions import Permission
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import local_date, now
from expunge.notices.kinds import NoticeKind
from expunge.subjects.access import ticket_locked
from expunge.subjects.erased import SYSTEM
from expunge.subjects.letters import identity_letter
from expunge.subjects.models import IdentityReminder
from expunge.tickets.endings import identity_time, ticket_expire
from expunge.tickets.models import Ticket
from expunge.tickets.rules import today_at
from expunge.tickets.states import TicketState


@transaction.atomic
def identity_look(*, ticket_id: UUID) -> None:
    """Remind or end one ticket, if it is time. Nobody's request ends without a reminder first."""
    ticket = ticket_locked(SYSTEM, ticket_id, Permission.TICKET_REVIEW)
    if ticket.state != TicketState.IDENTITY_PENDING:
        return
    notice = timedelta(days=settings.EXPUNGE_IDENTITY_REMINDER_DAYS)
    last_day = local_date(ticket.received_at, ticket.controller.time_zone) + identity_time(ticket)
    reminder = IdentityReminder.objects.filter(ticket=ticket).first()
    if reminder is None:
        if today_at(ticket) >= last_day - notice:
            _remind(ticket, max(datetime.combine(last_day, time.max, UTC), now() + notice))
    elif today_at(ticket) > last_day and reminder.created_at + notice < now():
        ticket_expire(actor=SYSTEM, ticket_id=ticket.pk)


def _remind(ticket: Ticket, until: datetime) -> None:
    IdentityReminder.objects.create(ticket=ticket)
    identity_letter(ticket, SYSTEM, NoticeKind.IDENTITY_REMINDER, until=until)
    audit_record(
        action=AuditAction.IDENTITY_REMINDED,
        actor=SYSTEM.pseudonym,
        controller_id=ticket.controller_id,
        subject={"ticket": str(ticket.pk)},
        data={},
    )
