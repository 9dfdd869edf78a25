"""Tickets in every state with their histories, keys, scopes and log entries, in bulk."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from expunge.accounts.models import User
from expunge.audit.actions import AuditAction
from expunge.audit.leaves import leaf_data
from expunge.common.bulk import copy_rows
from expunge.common.clock import local_date, now
from expunge.common.crypto import encrypt, new_key
from expunge.config.load.people import Staff
from expunge.tickets.clocks import Establishment, deadline
from expunge.tickets.intake import new_reference
from expunge.tickets.models import Outcome, Ticket, TicketKey, TicketMove, TicketScope
from expunge.tickets.payload import TicketPayload, payload_encrypt
from expunge.tickets.regimes import regime_named
from expunge.tickets.states import TERMINAL, TicketState

S = TicketState
BATCH = 2000
YEARS = timedelta(days=3 * 365)
OPEN_DAYS = 60
GROUNDS = {"gdpr": "consent_withdrawn", "ccpa": "consumer_request", "hipaa": "policy"}
_REVIEWED = (S.RECEIVED, S.IDENTITY_PENDING, S.UNDER_REVIEW)
_APPROVED = (*_REVIEWED, S.AWAITING_APPROVAL, S.APPROVED)
_DONE = (*_APPROVED, S.IN_PROGRESS, S.VERIFIED, S.CERTIFIED, S.CLOSED)
ROUTES: Sequence[tuple[int, Sequence[TicketState], str]] = (
    (700, _DONE, Outcome.CERTIFIED),
    (90, (*_REVIEWED, S.REJECTED), ""),
    (50, (*_REVIEWED, S.WITHDRAWN), ""),
    (50, (S.RECEIVED, S.IDENTITY_PENDING, S.EXPIRED), ""),
    (40, (*_APPROVED, S.CLOSED), Outcome.NOTHING_HELD),
    (20, (S.RECEIVED, S.IDENTITY_PENDING), ""),
    (20, _REVIEWED, ""),
    (15, (*_REVIEWED, S.AWAITING_APPROVAL), ""),
    (10, (*_APPROVED, S.IN_PROGRESS, S.VERIFICATION_FAILED), ""),
    (5, (*_REVIEWED, S.ON_HOLD), ""),
)
"""How many of a thousand tickets went which way, and what they ended in."""
APPEND = """
SELECT audit_append(entry, action, moment, %s, %s, '', ticket)
FROM unnest(%s::bytea[], %s::text[], %s::timestamptz[], %s::uuid[])
AS row(entry, action, moment, ticket)
"""
BACKDATE = """
UPDATE tickets_ticketmove AS move SET created_at = ticket.received_at + interval '6 hours' * place
FROM (
    SELECT id, row_number() OVER (PARTITION BY ticket_id ORDER BY created_at) - 1 AS place
    FROM tickets_ticketmove
) AS placed, tickets_ticket AS ticket
WHERE placed.id = move.id AND ticket.id = move.ticket_id AND ticket.controller_id = %s
"""


@dataclass(frozen=True)
class Journey:
    """One ticket with everything that hangs on it."""

    ticket: Ticket
    key: TicketKey | None
    scope: TicketScope
    moves: Sequence[TicketMove]


def tickets_seed(staff: Staff, patients: Sequence[UUID], count: int, seed: int = 0) -> None:
    """Store ``count`` tickets about the patients, received over the last three years."""
    rng = random.Random(seed)  # noqa: S311 - invented data
    weights = [weight for weight, _, _ in ROUTES]
    for start in range(0, count, BATCH):
        routes = rng.choices(ROUTES, weights, k=min(BATCH, count - start))
        journeys = [
            _journey(staff, rng, rng.choice(patients), route, outcome)
            for _, route, outcome in routes
        ]
        with transaction.atomic():
            _store(staff, journeys)
    with connection.cursor() as cursor:
        cursor.execute(BACKDATE, [staff.controller.pk])


def _journey(
    staff: Staff, rng: random.Random, patient: UUID, route: Sequence[TicketState], outcome: str
) -> Journey:
    ended = route[-1] in TERMINAL
    age = YEARS if ended else timedelta(days=OPEN_DAYS)
    received = now() - age * rng.random()
    regime = rng.choice(list(GROUNDS))
    ticket = _ticket(
        staff,
        regime,
        received,
        state=str(route[-1]),
        outcome=str(outcome),
        held_from=str(route[-2]) if S.ON_HOLD in route else "",
        reviewer=staff.officers[0] if S.AWAITING_APPROVAL in route else None,
        approver=staff.approver if S.APPROVED in route else None,
        requester=rng.choice(staff.engineers),
        ended_at=received + timedelta(days=20 * rng.random()) if ended else None,
    )
    key = None if ended else _seal(ticket)
    return Journey(ticket, key, TicketScope(ticket=ticket, node_id=patient), _moves(ticket, route))


def _ticket(staff: Staff, regime: str, received: datetime, **columns: Any) -> Ticket:
    controller = staff.controller
    ground = GROUNDS[regime]
    place = Establishment(controller.country, controller.subdivision, controller.time_zone)
    clock = deadline(
        regime_named(regime).clock(ground), local_date(received, controller.time_zone), place
    )
    return Ticket(
        controller=controller,
        reference=new_reference(),
        regime=regime,
        ground=ground,
        received_at=received,
        due_on=clock.due,
        clock=clock.to_json(),
        payload=b"",
        **columns,
    )


def _seal(ticket: Ticket) -> TicketKey:
    key = new_key()
    payload = TicketPayload("Person", "person@home.example", "Please forget me.")
    ticket.payload = payload_encrypt(ticket, payload, key)
    wrapped = encrypt(key, context=f"ticket-key:{ticket.pk}")
    return TicketKey(ticket=ticket, wrapped=wrapped)


def _moves(ticket: Ticket, route: Sequence[TicketState]) -> list[TicketMove]:
    sources = ["", *[str(state) for state in route[:-1]]]
    return [
        TicketMove(
            ticket=ticket,
            source=source,
            target=str(target),
            actor="system:load",
            user=_who(ticket, target),
        )
        for source, target in zip(sources, route, strict=True)
    ]


def _who(ticket: Ticket, target: TicketState) -> User | None:
    people = {S.AWAITING_APPROVAL: ticket.reviewer, S.APPROVED: ticket.approver}
    return people.get(target)


def _store(staff: Staff, journeys: Sequence[Journey]) -> None:
    copy_rows(Ticket, [journey.ticket for journey in journeys])
    copy_rows(TicketKey, [journey.key for journey in journeys if journey.key])
    copy_rows(TicketScope, [journey.scope for journey in journeys])
    moves = [move for journey in journeys for move in journey.moves]
    copy_rows(TicketMove, moves)
    controller = str(staff.controller.pk)
    rows = [(_entry(move, controller), _action(move), move) for move in moves]
    with connection.cursor() as cursor:
        cursor.execute(
            APPEND,
            [
                controller,
                "system:load",
                [entry for entry, _, _ in rows],
                [action for _, action, _ in rows],
                [move.ticket.received_at for _, _, move in rows],
                [move.ticket.pk for _, _, move in rows],
            ],
        )


def _action(move: TicketMove) -> str:
    return str(AuditAction.TICKET_MOVED if move.source else AuditAction.TICKET_FILED)


def _entry(move: TicketMove, controller: str) -> bytes:
    return leaf_data(
        action=_action(move),
        occurred_at=move.ticket.received_at,
        actor=move.actor,
        role="",
        controller=controller,
        subject={"ticket": str(move.ticket.pk)},
        data={"from": move.source, "to": move.target, "reason": ""},
    )
