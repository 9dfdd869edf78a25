"""Nothing of the person outlives the ticket; the rest goes when the retention is over."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from dateutil.relativedelta import relativedelta
from django.db import connection

from expunge.accounts.models import ControllerPolicy
from expunge.common.clock import now
from expunge.registry.models import ScopeNode
from expunge.tickets import exemptions, holds, services
from expunge.tickets.celery_tasks import retention
from expunge.tickets.models import Exemption, Ticket, TicketKey, TicketMove, TicketScope
from expunge.tickets.retention import KEEPER, retention_of, retention_sweep, ticket_purge
from expunge.tickets.selectors import ticket_get, ticket_history, ticket_payload
from expunge.tickets.signals import ticket_purging
from expunge.tickets.states import MOVES, TERMINAL, TicketState
from expunge.tickets.transitions import ticket_move
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import SYSTEM, People, all_leaves, leaves
from tests.expunge.tickets.walk import code_of, put

S = TicketState


def paths(start: TicketState = S.RECEIVED) -> Iterator[tuple[TicketState, ...]]:
    """Yield every way from receipt to an end that passes no state twice and no hold."""
    stack = [(start,)]
    while stack:
        path = stack.pop()
        if path[-1] in TERMINAL:
            yield path
            continue
        steps = sorted(MOVES[path[-1]] - set(path) - {S.ON_HOLD})
        stack += [(*path, step) for step in steps]


PATHS = sorted(paths())


def stored(ticket: Ticket) -> bytes:
    """Return every byte the database holds of the tickets and their parts."""
    tables = ("ticket", "ticketkey", "ticketmove", "exemption", "ticketscope")
    with connection.cursor() as cursor:
        found = b""
        for table in tables:
            cursor.execute(f"SELECT row_to_json(t)::text FROM tickets_{table} t")  # noqa: S608
            found += "\n".join(row[0] for row in cursor.fetchall()).encode()
    return found


def test_every_end_is_the_end_of_some_path() -> None:
    assert {path[-1] for path in PATHS} == TERMINAL
    walked = {pair for path in PATHS for pair in itertools.pairwise(path)}
    missing = {
        (source, target)
        for source in MOVES
        for target in MOVES[source]
        if (source, target) not in walked and S.ON_HOLD not in {source, target}
    }
    # Back to an earlier state, which a path that passes no state twice cannot show.
    assert missing == {
        (S.AWAITING_APPROVAL, S.UNDER_REVIEW),
        (S.VERIFICATION_FAILED, S.IN_PROGRESS),
        (S.CONTAINED, S.IN_PROGRESS),
        (S.CLOSED, S.IN_PROGRESS),
    }


@pytest.mark.parametrize("path", PATHS, ids="-".join)
def test_on_every_way_to_an_end_the_persons_data_is_gone(
    cast: People, file_ticket: FileTicket, path: tuple[TicketState, ...]
) -> None:
    ticket = put(file_ticket(), path[0])
    for target in path[1:]:
        ticket_move(ticket=ticket, target=target, actor=SYSTEM, reason="x", text="Erika called")
    before = ticket.moves.count()
    ticket = ticket_get(cast.alice, ticket.pk)
    assert ticket.state in TERMINAL and bytes(ticket.payload) == b""
    assert not TicketKey.objects.filter(ticket=ticket).exists()
    assert not TicketMove.objects.filter(ticket=ticket, text__isnull=False).exists()
    assert ticket_payload(cast.alice, ticket) is None
    assert before == len(path) + 1 == len(ticket_history(cast.alice, ticket))
    assert b"Erika" not in stored(ticket) and b"Erika" not in all_leaves()


@pytest.fixture
def exempted(cast: People, file_ticket: FileTicket, erika: ScopeNode) -> Ticket:
    """Return a refused ticket with an exemption over a part of it."""
    ticket = file_ticket()
    part = ScopeNode.objects.filter(parent=erika).first()
    assert part is not None
    exemptions.exemption_place(
        actor=cast.alice,
        ticket_id=ticket.pk,
        code="legal_claims",
        text="The lawsuit of Erika",
        review_on=now().date() + timedelta(days=90),
        node_id=part.pk,
    )
    return services.ticket_reject(
        actor=cast.alice, ticket_id=ticket.pk, reason="legal_claims", text="A lawsuit, Erika"
    )


def aged(ticket: Ticket, **age: int) -> Ticket:
    """Return the ticket as if it had ended long ago."""
    Ticket.objects.filter(pk=ticket.pk).update(ended_at=now() - relativedelta(**age))
    ticket.refresh_from_db()
    return ticket


def test_after_the_retention_only_the_bare_row_and_the_log_are_left(
    cast: People, exempted: Ticket
) -> None:
    heard: list[object] = []

    def listen(*, ticket_id: object, **_rest: object) -> None:
        heard.append(ticket_id)

    ticket = aged(exempted, months=36, days=1)
    entries = len(all_leaves())
    ticket_purging.connect(listen)
    try:
        retention()
    finally:
        ticket_purging.disconnect(listen)
    ticket.refresh_from_db()
    assert ticket.purged_at is not None and heard == [ticket.pk]
    for rows in (TicketMove, TicketScope, Exemption):
        assert not rows._default_manager.filter(ticket=ticket).exists()
    assert len(all_leaves()) > entries
    (leaf,) = leaves("ticket.purged")
    assert leaf["data"] == {"class": "gdpr", "months": 36}
    assert leaf["actor"] == "system:retention"
    assert retention_sweep() == 0


@pytest.mark.parametrize(
    ("regime", "ground", "months"),
    [("gdpr", "objection", 36), ("ccpa", "consumer_request", 24), ("hipaa", "amendment", 72)],
)
def test_each_law_keeps_as_long_as_it_says(
    cast: People, file_ticket: FileTicket, regime: str, ground: str, months: int
) -> None:
    ticket = file_ticket(regime=regime, ground=ground)
    services.ticket_withdraw(actor=cast.carol, ticket_id=ticket.pk, reason="by_person")
    assert retention_of(cast.controller.pk, regime).months == months
    aged(ticket, months=months, days=-2)
    assert retention_sweep() == 0
    aged(ticket, months=months, days=1)
    assert retention_sweep() == 1


def test_an_organisation_chooses_for_the_gdpr_only(cast: People, exempted: Ticket) -> None:
    ControllerPolicy.objects.create(controller=cast.controller, number=1, retention_months=6)
    assert retention_of(cast.controller.pk, "gdpr").months == 6
    assert retention_of(cast.controller.pk, "ccpa").months == 24
    aged(exempted, months=7)
    assert retention_sweep() == 1


def test_open_tickets_and_those_on_hold_are_kept(
    cast: People, file_ticket: FileTicket, exempted: Ticket, erika: ScopeNode
) -> None:
    running = file_ticket()
    Ticket.objects.filter(pk=running.pk).update(received_at=datetime(2001, 1, 1, tzinfo=UTC))
    aged(exempted, years=9)
    hold = holds.hold_place(
        actor=cast.alice,
        controller_id=cast.controller.pk,
        kind="subject",
        target_id=erika.pk,
        reason="investigation",
        authority="Prosecutor",
    )
    assert retention_sweep() == 0
    given = {"actor": KEEPER, "ticket_id": exempted.pk}
    assert code_of(ticket_purge, **given) == "on_legal_hold"
    holds.hold_release(actor=cast.alice, hold_id=hold.pk, reason="matter_closed", text="No charges")
    assert retention_sweep() == 1
    assert code_of(ticket_purge, **given) == "retention_runs"
    running.refresh_from_db()
    assert running.purged_at is None and running.scopes.exists()


def test_no_person_purges_a_ticket(cast: People, exempted: Ticket) -> None:
    aged(exempted, years=9)
    for actor in (cast.alice, cast.ada, cast.mallory):
        assert code_of(ticket_purge, actor=actor, ticket_id=exempted.pk) == "platform_only"


def test_a_purged_ticket_is_not_taken_up_again(cast: People, file_ticket: FileTicket) -> None:
    ticket = aged(put(file_ticket(), S.CLOSED, outcome="certified"), years=9)
    assert retention_sweep() == 1
    given = {"actor": SYSTEM, "ticket_id": ticket.pk, "reason": "regression"}
    assert code_of(services.ticket_reopen, **given) == "ticket_purged"
