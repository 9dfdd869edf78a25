"""What the status page shows: no name, no contact, nothing that was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from expunge.certificates.models import Certificate
from expunge.certificates.selectors import certificates_of
from expunge.common.clock import local_date
from expunge.subjects.access import PERSON
from expunge.subjects.kinds import IntakeStanding
from expunge.subjects.kinds import Standing as Check
from expunge.subjects.models import IdentityCheck, StatusLink
from expunge.tickets.rules import Task, obstacle
from expunge.tickets.states import TERMINAL, TicketState
from expunge.web.public.words import INTAKE, Standing, standing_of


@dataclass(frozen=True)
class Seen:
    """A request as its person sees it: days where the organisation is, no ``due_on`` at the end."""

    organisation: str
    reference: str
    standing: Standing
    received_on: date
    due_on: date | None
    paused: bool
    takes_code: bool
    code_sent: bool
    may_withdraw: bool
    documents: Sequence[Certificate] = ()
    ended: bool = False


def read_link(link: StatusLink) -> Seen:
    """Read what a link leads to, as it stands now."""
    link.refresh_from_db()
    return _ticket(link) if link.ticket else _intake(link)


def _ticket(link: StatusLink) -> Seen:
    ticket = link.ticket
    if ticket is None:
        raise TypeError("this link leads to no ticket")
    ended = ticket.state in TERMINAL
    waits = ticket.state == TicketState.IDENTITY_PENDING
    return Seen(
        organisation=ticket.controller.name,
        reference=ticket.reference,
        standing=standing_of(ticket.state, ticket.outcome),
        received_on=local_date(ticket.received_at, ticket.controller.time_zone),
        due_on=None if ended else ticket.due_on,
        paused=ticket.paused_since is not None,
        takes_code=waits,
        code_sent=IdentityCheck.objects.filter(ticket=ticket, standing=Check.ASKED).exists(),
        may_withdraw=obstacle(Task.WITHDRAW, PERSON, ticket) is None,
        documents=tuple(certificates_of(PERSON, ticket)),
        ended=ended,
    )


def _intake(link: StatusLink) -> Seen:
    intake = link.intake
    if intake is None:
        raise TypeError("this link leads nowhere")
    waits = intake.standing == IntakeStanding.WAITING
    return Seen(
        organisation=intake.controller.name,
        reference=intake.reference,
        standing=INTAKE[intake.standing],
        received_on=local_date(intake.received_at, intake.controller.time_zone),
        due_on=intake.due_on if waits else None,
        paused=False,
        takes_code=waits and intake.shown_at is None,
        code_sent=intake.code_digest is not None,
        may_withdraw=waits,
        ended=not waits,
    )
