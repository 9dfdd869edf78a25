"""A legal hold stops what it covers, now and later, and its release resumes it by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from expunge.registry.models import ModelVersion, ScopeNode
from expunge.registry.selectors import scope_search
from expunge.tickets import holds, services
from expunge.tickets.coverage import holds_over, model_held, models_held
from expunge.tickets.models import LegalHold, Ticket
from expunge.tickets.selectors import ticket_nodes
from expunge.tickets.signals import hold_changed
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import SYSTEM, People, all_leaves, leaves
from tests.expunge.tickets.conftest import Place
from tests.expunge.tickets.walk import approved, certified, code_of, failed, put, release, state

S = TicketState


def relatives(node: ScopeNode) -> dict[str, ScopeNode]:
    """Return nodes above, at, below and beside a patient."""
    (below, *_), (beside,) = (
        ScopeNode.objects.filter(parent=node).order_by("path"),
        scope_search(SYSTEM, node.dataset_id, "Max Beispiel"),
    )
    assert node.parent is not None
    return {"above": node.parent, "at": node, "below": below, "beside": beside}


@pytest.mark.parametrize("where", ["above", "at", "below", "beside"])
def test_a_hold_over_a_part_stops_the_tickets_it_overlaps(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, place: Place, where: str
) -> None:
    ticket = file_ticket()
    hold = place("subject", relatives(erika)[where])
    stopped = where != "beside"
    assert state(ticket) == (S.ON_HOLD if stopped else S.UNDER_REVIEW)
    assert holds_over(ticket) == ((hold,) if stopped else ())
    release(cast, hold)
    assert state(ticket) == S.UNDER_REVIEW and not holds_over(ticket)


@pytest.mark.parametrize("stage", [lambda _, ticket: ticket, approved, failed])
@pytest.mark.parametrize("kind", ["subject", "dataset", "ticket"])
def test_a_released_hold_resumes_each_ticket_where_it_stood(
    cast: People,
    file_ticket: FileTicket,
    place: Place,
    kind: str,
    stage: Callable[[People, Ticket], Ticket],
) -> None:
    ticket = stage(cast, file_ticket())
    stood = ticket.state
    (node,) = ticket_nodes(ticket)
    target = {"subject": node, "dataset": node.dataset, "ticket": ticket}[kind]
    hold = place(kind, target)
    assert state(ticket) == S.ON_HOLD and ticket.held_from == stood
    release(cast, hold)
    assert state(ticket) == stood


def test_a_ticket_resumes_only_when_its_last_hold_is_released(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    ticket = file_ticket()
    first, second = place("subject", erika), place("dataset", erika.dataset)
    again = {"actor": cast.alice, "ticket_id": ticket.pk, "reason": "litigation", "text": "More"}
    assert code_of(services.ticket_hold, **again) == "ticket_state"
    third = place("ticket", ticket)
    for hold in (second, first):
        release(cast, hold)
        assert state(ticket) == S.ON_HOLD
    release(cast, third)
    assert state(ticket) == S.UNDER_REVIEW
    assert code_of(release, cast=cast, hold=first) == "hold_released"


def test_the_release_of_a_ticket_leaves_holds_over_the_data_alone(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    ticket = file_ticket()
    wide = place("subject", erika)
    given = {"actor": cast.alice, "ticket_id": ticket.pk, "reason": "order_lifted", "text": "Over"}
    assert code_of(services.ticket_release, **given) == "held_with_others"
    own = place("ticket", ticket)
    assert services.ticket_release(**given).state == S.ON_HOLD
    own.refresh_from_db()
    assert own.released_at is not None and own.release_reason == "order_lifted"
    release(cast, wide)
    assert state(ticket) == S.UNDER_REVIEW


def test_the_task_on_a_ticket_is_a_hold_over_that_ticket(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket, other = file_ticket(), file_ticket()
    services.ticket_hold(
        actor=cast.alice, ticket_id=ticket.pk, reason="authority_order", text="File 7"
    )
    (hold,) = holds.holds_visible(cast.alice, active=True)
    assert (hold.kind, hold.ticket, hold.authority) == ("ticket", ticket, "File 7")
    assert state(other) == S.UNDER_REVIEW
    services.ticket_release(
        actor=cast.alice, ticket_id=ticket.pk, reason="order_lifted", text="Lifted"
    )
    assert state(ticket) == S.UNDER_REVIEW
    assert not holds.holds_visible(cast.alice, active=True).exists()


def test_a_ticket_that_gets_there_later_is_stopped_by_its_own_move(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    early = file_ticket(identity_confirmed=False)
    hold = place("subject", erika)
    assert state(early) == S.IDENTITY_PENDING
    assert services.ticket_identity_confirm(actor=cast.alice, ticket_id=early.pk).state == S.ON_HOLD
    late = file_ticket()
    assert (late.state, late.held_from) == (S.ON_HOLD, S.UNDER_REVIEW)
    moved = leaves("ticket.moved")[-1]
    assert moved["actor"] == "system:legal-hold" and moved["data"]["reason"] == "litigation"
    release(cast, hold)
    assert state(early) == state(late) == S.UNDER_REVIEW


def test_a_reopened_ticket_under_a_hold_waits(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    ticket = certified(cast, file_ticket())
    hold = place("subject", erika)
    ticket = services.ticket_reopen(actor=SYSTEM, ticket_id=ticket.pk, reason="regression")
    assert state(ticket) == S.ON_HOLD
    release(cast, hold)
    assert state(ticket) == S.IN_PROGRESS


@pytest.mark.parametrize("ended", [S.CLOSED, S.REJECTED, S.WITHDRAWN, S.EXPIRED])
@pytest.mark.parametrize("past", [S.VERIFIED, S.CERTIFIED])
def test_what_is_done_or_ended_is_not_stopped(
    file_ticket: FileTicket, erika: ScopeNode, place: Place, ended: TicketState, past: TicketState
) -> None:
    over, done = put(file_ticket(), ended), put(file_ticket(), past)
    place("subject", erika)
    assert (state(over), state(done)) == (ended, past)


def test_a_hold_over_a_model_holds_the_model_and_no_ticket(
    cast: People,
    file_ticket: FileTicket,
    original: ModelVersion,
    place: Place,
    django_capture_on_commit_callbacks: Any,
) -> None:
    heard: list[object] = []

    def listen(*, model_id: object, **_rest: object) -> None:
        heard.append(model_id)

    ticket = approved(cast, file_ticket())
    assert not model_held(original.model_id)
    hold_changed.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            hold = place("model", original.model)
        assert model_held(original.model_id) and state(ticket) == S.APPROVED
        assert models_held([original.model_id, uuid4()]) == {original.model_id}
        with django_capture_on_commit_callbacks(execute=True):
            release(cast, hold)
    finally:
        hold_changed.disconnect(listen)
    assert not model_held(original.model_id)
    assert heard == [original.model_id, original.model_id]


def test_who_may_place_release_and_read(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    ticket = file_ticket()
    for actor in (cast.bob, cast.carol, cast.dora, cast.ada, cast.mallory):
        refused = code_of(place, kind="subject", target=erika, actor=actor)
        assert refused == "permission_missing"
    hold = place("subject", erika)
    again = {"hold_id": hold.pk, "reason": "matter_closed", "text": "Mine"}
    for actor in (cast.bob, cast.carol, cast.dora):
        assert code_of(holds.hold_release, actor=actor, **again) == "permission_missing"
    for actor in (cast.ada, cast.mallory):
        assert code_of(holds.hold_release, actor=actor, **again) == "hold_unknown"
        assert not holds.holds_visible(actor).exists()
    readers = [
        actor
        for actor in (cast.alice, cast.bob, cast.carol, cast.dora, cast.mallory)
        if holds.may_read_authority(actor, hold)
    ]
    assert readers == [cast.alice, cast.bob]
    assert state(ticket) == S.ON_HOLD


def test_a_hold_covers_only_what_is_the_organisations_own(
    cast: People, erika: ScopeNode, place: Place
) -> None:
    for kind, target in (("subject", erika), ("dataset", erika.dataset)):
        refused = code_of(
            place,
            kind=kind,
            target=target,
            actor=cast.mallory,
            controller_id=cast.elsewhere.pk,
        )
        assert refused == "hold_target_unknown"
    assert code_of(place, kind="planet", target=erika) == "kind_unknown"
    assert code_of(place, kind="subject", target=erika, reason="whim") == "reason_unknown"
    assert code_of(place, kind="subject", target=erika, authority=" ") == "text_missing"
    assert not LegalHold.objects.exists()


def test_a_hold_leaves_two_leaves_without_names(
    cast: People, erika: ScopeNode, place: Place
) -> None:
    hold = place("subject", erika)
    release(cast, hold)
    (placed,), (released,) = leaves("hold.placed"), leaves("hold.released")
    about = {"hold": str(hold.pk), "node": str(erika.pk)}
    assert placed["subject"] == released["subject"] == about
    assert placed["data"] == {"kind": "subject", "reason": "litigation"}
    assert released["data"] == {"kind": "subject", "reason": "matter_closed"}
    assert b"Mustermann" not in all_leaves()
    with connection.cursor() as cursor:
        cursor.execute("SELECT authority, release_text FROM tickets_legalhold")
        (row,) = cursor.fetchall()
    assert b"Mustermann" not in bytes(row[0]) and b"Judgment" not in bytes(row[1])


def test_the_database_wants_what_the_kind_says(
    cast: People, erika: ScopeNode, place: Place
) -> None:
    hold = place("subject", erika)
    with pytest.raises(IntegrityError), transaction.atomic():
        LegalHold.objects.filter(pk=hold.pk).update(kind="dataset")


def test_a_direct_move_out_of_a_hold_that_still_stands_bounces(
    file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    ticket = file_ticket()
    place("subject", erika)
    ticket.refresh_from_db()
    assert ticket_move(ticket=ticket, target=S.UNDER_REVIEW, actor=SYSTEM).state == S.ON_HOLD
    assert state(ticket) == S.ON_HOLD and ticket.held_from == S.UNDER_REVIEW


def test_what_was_written_about_a_hold_goes_with_the_ticket_and_not_while_it_lasts(
    cast: People, file_ticket: FileTicket, place: Place
) -> None:
    ticket = file_ticket()
    first = place("ticket", ticket)
    release(cast, first)
    services.ticket_withdraw(
        actor=cast.carol, ticket_id=ticket.pk, reason="by_person", text="She called."
    )
    first.refresh_from_db()
    assert (first.authority, first.release_text) == ("", None)
    later = place("ticket", ticket)
    assert LegalHold.objects.get(pk=later.pk).authority
    release(cast, later)
    later.refresh_from_db()
    assert (later.authority, later.release_text) == ("", None)
    assert later.release_reason == "matter_closed" and later.released_at
