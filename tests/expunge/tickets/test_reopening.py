"""What the platform does by itself: it reopens what was certified, and ends what nobody claims."""

from __future__ import annotations

from datetime import timedelta

import pytest

from expunge.common.clock import now
from expunge.tickets import services
from expunge.tickets.endings import identity_time, tickets_without_identity
from expunge.tickets.models import Ticket, TicketKey
from expunge.tickets.payload import ticket_key
from expunge.tickets.selectors import ticket_history, ticket_payload, ticket_tasks
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import SYSTEM, People, leaves
from tests.expunge.tickets.walk import approved, certified, code_of, failed

S = TicketState


@pytest.mark.parametrize("reason", ["regression", "brought_back"])
def test_a_certified_deletion_is_taken_up_again_without_the_persons_data(
    cast: People, file_ticket: FileTicket, reason: str
) -> None:
    ticket = certified(cast, file_ticket())
    assert ticket.outcome == "certified"
    ticket = services.ticket_reopen(actor=SYSTEM, ticket_id=ticket.pk, reason=reason)
    ticket.refresh_from_db()
    assert (ticket.state, ticket.outcome, ticket.ended_at) == (S.IN_PROGRESS, "", None)
    assert bytes(ticket.payload) == b"" and ticket_payload(cast.alice, ticket) is None
    assert TicketKey.objects.filter(ticket=ticket).count() == 1
    assert [(leaf["data"]["from"], leaf["data"]["to"]) for leaf in leaves("ticket.moved")][-1] == (
        "closed",
        "in_progress",
    )
    (leaf,) = leaves("ticket.reopened")
    assert leaf["data"] == {
        "reason": reason,
        "rule": "gdpr-12(3)",
        "due_on": ticket.due_on.isoformat(),
    }


def test_what_was_written_before_stays_unreadable_and_what_comes_after_is_read(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket = certified(cast, file_ticket())
    assert ticket.moves.count() > 5 and not ticket.moves.exclude(text=None).exists()
    ticket = services.ticket_reopen(actor=SYSTEM, ticket_id=ticket.pk, reason="regression")
    ticket_move(
        ticket=ticket, target=S.VERIFICATION_FAILED, actor=SYSTEM, reason="x", text="Came back"
    )
    texts = [entry.text for entry in ticket_history(cast.alice, ticket)]
    assert texts[-1] == "Came back" and not any(texts[:-1])


def test_a_reopened_ticket_ends_and_is_shredded_again(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket = certified(cast, file_ticket())
    ticket = services.ticket_reopen(actor=SYSTEM, ticket_id=ticket.pk, reason="regression")
    for target in (S.VERIFIED, S.CERTIFIED, S.CLOSED):
        ticket_move(ticket=ticket, target=target, actor=SYSTEM)
    assert ticket.outcome == "certified" and ticket_key(ticket) is None


def test_no_person_reopens_or_expires_a_ticket(cast: People, file_ticket: FileTicket) -> None:
    ticket = certified(cast, file_ticket())
    for actor in (cast.alice, cast.bob, cast.carol, cast.dora, cast.ada, cast.mallory):
        given = {"actor": actor, "ticket_id": ticket.pk}
        assert code_of(services.ticket_reopen, **given, reason="regression") == "platform_only"
        assert code_of(services.ticket_expire, **given) == "platform_only"


def test_only_certified_work_reopens_for_a_known_reason(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket = failed(cast, file_ticket())
    given = {"actor": SYSTEM, "ticket_id": ticket.pk}
    assert code_of(services.ticket_reopen, **given, reason="regression") == "ticket_state"
    services.ticket_close_unverified(
        actor=cast.alice, ticket_id=ticket.pk, reason="model_retired", text="Gone"
    )
    assert code_of(services.ticket_reopen, **given, reason="regression") == "ticket_state"
    assert code_of(services.ticket_reopen, **given, reason="whim") == "reason_unknown"


def test_a_request_expires_when_nobody_showed_who_they_are_in_time(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket(identity_confirmed=False)
    given = {"actor": SYSTEM, "ticket_id": ticket.pk}
    assert code_of(services.ticket_expire, **given) == "identity_time_left"
    received = now() - identity_time(ticket) - timedelta(days=1, hours=1)
    Ticket.objects.filter(pk=ticket.pk).update(received_at=received)
    assert list(tickets_without_identity()) == [ticket]
    assert services.ticket_expire(**given).state == S.EXPIRED
    assert ticket_key(ticket) is None and not tickets_without_identity().exists()
    assert code_of(services.ticket_expire, **given) == "ticket_state"


def test_california_gives_at_least_forty_five_days(cast: People, file_ticket: FileTicket) -> None:
    ticket = file_ticket(identity_confirmed=False, regime="ccpa", ground="consumer_request")
    assert identity_time(ticket) >= timedelta(days=45)


def test_what_failed_is_left_contained_and_can_be_tried_again_or_closed(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket = failed(cast, file_ticket())
    given = {"ticket_id": ticket.pk, "reason": "awaiting_retrain", "text": "Trained in May"}
    assert code_of(services.ticket_contain, actor=cast.carol, **given) == "permission_missing"
    assert code_of(services.ticket_contain, actor=cast.mallory, **given) == "ticket_unknown"
    ticket = services.ticket_contain(actor=cast.alice, **given)
    assert ticket.state == S.CONTAINED
    assert {"retry"} == set(ticket_tasks(cast.carol, ticket))
    assert "close_unverified" in ticket_tasks(cast.alice, ticket)
    assert code_of(services.ticket_contain, actor=cast.alice, **given) == "ticket_state"
    ticket = services.ticket_retry(actor=cast.carol, ticket_id=ticket.pk)
    assert ticket.state == S.IN_PROGRESS


def test_a_person_may_not_contain_what_is_still_at_work(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket = approved(cast, file_ticket())
    given = {"actor": cast.alice, "ticket_id": ticket.pk, "reason": "methods_exhausted"}
    assert code_of(services.ticket_contain, **given, text="Enough") == "ticket_state"
