"""From a verified ticket to its certificate: collect the facts, have them signed, close.

Nothing is judged here. What the certificate may call itself follows from the reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from expunge.certificates.kinds import Kind
from expunge.certificates.models import Certificate
from expunge.certificates.services import certificate_issue
from expunge.jobs.facts import facts_of
from expunge.jobs.moves import WORKER
from expunge.jobs.scopes import scope_of
from expunge.registry.ledger import suppression_record
from expunge.tickets.models import Outcome, Ticket
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move


def ticket_certify(*, ticket_id: UUID) -> None:
    """Issue the certificate of a verified ticket, then close the ticket, which shreds its key.

    One that was closed as not verified gets a statement of failed verification instead.

    May be called at any time and by several workers: one of them does it, once.
    """
    with _alone(ticket_id) as alone:
        if not alone:
            return
        ticket = Ticket.objects.select_related("controller").filter(pk=ticket_id).first()
        if ticket is None:
            return
        if ticket.state == TicketState.VERIFIED or is_unstated(ticket):
            certificate_issue(
                facts=facts_of(ticket),
                ticket_id=ticket.pk,
                controller_id=ticket.controller_id,
                actor=WORKER,
            )
        _close(ticket_id)


@transaction.atomic
def _close(ticket_id: UUID) -> None:
    ticket = Ticket.objects.select_for_update().get(pk=ticket_id)
    if ticket.state == TicketState.VERIFIED:
        certificate = Certificate.objects.filter(ticket_id=ticket.pk).latest("created_at")
        suppression_record(
            actor=WORKER,
            controller_id=ticket.controller_id,
            ticket_id=ticket.pk,
            nodes=scope_of(ticket),
            certificate=certificate.number,
        )
        ticket_move(ticket=ticket, target=TicketState.CERTIFIED, actor=WORKER)
    if ticket.state == TicketState.CERTIFIED:
        ticket_move(ticket=ticket, target=TicketState.CLOSED, actor=WORKER)


def is_unstated(ticket: Ticket) -> bool:
    """Say whether a ticket was closed as not verified and no document says so yet."""
    return tickets_unstated().filter(pk=ticket.pk).exists()


def tickets_unstated() -> QuerySet[Ticket]:
    """Return the tickets that need a statement of failed verification."""
    stated = Certificate.objects.filter(
        ticket_id=OuterRef("pk"), kind=Kind.NOT_VERIFIED, issued_at__gte=OuterRef("ended_at")
    )
    ended = Ticket.objects.filter(state=TicketState.CLOSED, outcome=Outcome.NOT_VERIFIED)
    return ended.filter(~Exists(stated), jobs__isnull=False).distinct()


@contextmanager
def _alone(ticket_id: UUID) -> Iterator[bool]:
    """Say whether nobody else works on this ticket's certificate; the database ends the claim."""
    claim: list[Any] = ["expunge.certify", str(ticket_id)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s), hashtext(%s))", claim)
        (alone,) = cursor.fetchone()
        try:
            yield bool(alone)
        finally:
            if alone:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s), hashtext(%s))", claim)
