"""Duplicates: seen, never in the way, and merged only into a ticket whose person is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from expunge.common.clock import now
from expunge.registry.models import ScopeNode
from expunge.registry.selectors import scope_search
from expunge.subjects.duplicates import (
    duplicate_merge,
    lookalikes_of,
    subject_digest,
    tickets_about,
)
from expunge.subjects.models import SubjectIndex, TicketDuplicate
from expunge.tickets.models import Ticket, TicketKey
from expunge.tickets.payload import TicketPayload
from expunge.tickets.services import ticket_withdraw
from expunge.tickets.states import TicketState
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import SYSTEM, People, leaves
from tests.expunge.tickets.walk import code_of

Unshown = Callable[..., Ticket]


@pytest.fixture
def max_(erika: ScopeNode) -> ScopeNode:
    (node,) = scope_search(SYSTEM, erika.dataset_id, "Max Beispiel")
    return node


def test_a_reviewer_sees_who_may_be_the_same(
    cast: People, file_ticket: FileTicket, max_: ScopeNode
) -> None:
    one = file_ticket()
    same = file_ticket(payload=TicketPayload(" ERIKA  mustermann", "other@home.example"))
    mail = file_ticket(payload=TicketPayload("E. M.", "Erika@HOME.example"), node_ids=[max_.pk])
    file_ticket(payload=TicketPayload("Max Beispiel", "max@home.example"))
    found = {item.ticket.pk: item for item in lookalikes_of(cast.alice, one)}
    assert set(found) == {same.pk, mail.pk}
    assert found[same.pk].same == ("name",) and found[same.pk].overlaps
    assert found[mail.pk].same == ("contact",) and not found[mail.pk].overlaps
    assert found[mail.pk].refusal is not None
    assert found[same.pk].refusal is None
    assert lookalikes_of(cast.dora, one) == () and lookalikes_of(cast.mallory, one) == ()
    about = tickets_about(cast.carol, cast.controller.pk, name="erika mustermann", contact="")
    assert {item.pk for item in about} == {one.pk, same.pk}
    assert (
        tickets_about(cast.mallory, cast.controller.pk, name="Erika Mustermann", contact="") == ()
    )


def test_indexes_are_made_with_the_ticket_and_end_with_its_key(
    cast: People, file_ticket: FileTicket
) -> None:
    tickets = file_ticket(), file_ticket()
    for ticket in tickets:
        assert SubjectIndex.objects.filter(key__ticket=ticket).count() == 2
    for ticket in tickets:
        ticket_withdraw(actor=cast.carol, ticket_id=ticket.pk, reason="by_person")
    assert not SubjectIndex.objects.exists() and not TicketKey.objects.exists()


def test_by_letter_is_nobodys_contact(cast: People, file_ticket: FileTicket) -> None:
    one = file_ticket(payload=TicketPayload("Erika Mustermann", "by letter"))
    assert lookalikes_of(cast.alice, one) == ()


def test_an_index_tells_nothing_across_organisations(cast: People, file_ticket: FileTicket) -> None:
    mine = subject_digest("name", "Erika", cast.controller.pk)
    assert mine == subject_digest("name", " erika ", cast.controller.pk)
    assert mine != subject_digest("name", "Erika", cast.elsewhere.pk)
    assert mine != subject_digest("contact", "Erika", cast.controller.pk)


def test_a_duplicate_is_withdrawn_and_points_to_what_covers_it(
    cast: People, file_ticket: FileTicket, unshown: Unshown
) -> None:
    shown, again = file_ticket(), unshown()
    ended = duplicate_merge(actor=cast.alice, ticket_id=again.pk, survivor_id=shown.pk)
    assert ended.state == TicketState.WITHDRAWN
    assert TicketDuplicate.objects.get(ticket=again).survivor == shown
    (leaf,) = leaves("duplicate.merged")
    assert leaf["subject"] == {"ticket": str(again.pk), "survivor": str(shown.pk)}
    assert leaves("ticket.moved")[-1]["data"]["reason"] == "duplicate"
    shown.refresh_from_db()
    assert shown.state == TicketState.UNDER_REVIEW


def test_who_files_first_in_a_strangers_name_takes_nobodys_place(
    cast: People, file_ticket: FileTicket, unshown: Unshown
) -> None:
    impostor = unshown(received_at=now() - timedelta(days=20))
    person = file_ticket()
    assert person.state == TicketState.UNDER_REVIEW, "filing is never refused or delayed"
    merge = {"actor": cast.alice, "ticket_id": person.pk, "survivor_id": impostor.pk}
    assert code_of(duplicate_merge, **merge) == "survivor_unverified"
    (seen,) = lookalikes_of(cast.alice, person)
    assert seen.refusal is not None and seen.refusal.code == "survivor_unverified"
    duplicate_merge(actor=cast.alice, ticket_id=impostor.pk, survivor_id=person.pk)


def test_a_merge_takes_no_data_no_time_and_no_hope_from_a_person(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, max_: ScopeNode
) -> None:
    early = file_ticket(received_at=now() - timedelta(days=9))
    late = file_ticket()
    wide = file_ticket(node_ids=[erika.pk, max_.pk])
    ended = file_ticket()
    ticket_withdraw(actor=cast.carol, ticket_id=ended.pk, reason="by_person")

    def merge(ticket: Ticket, survivor: Ticket) -> str:
        given = {"actor": cast.alice, "ticket_id": ticket.pk, "survivor_id": survivor.pk}
        return code_of(duplicate_merge, **given)

    assert merge(early, late) == "duplicate_due_earlier"
    assert merge(wide, early) == "duplicate_not_covered"
    assert merge(late, ended) == "survivor_ended"
    assert merge(late, late) == "survivor_same"
    assert not TicketDuplicate.objects.exists()
    duplicate_merge(actor=cast.alice, ticket_id=late.pk, survivor_id=early.pk)


@pytest.mark.parametrize("name", ["bob", "carol", "dora", "ada", "mallory"])
def test_only_a_reviewer_merges(cast: People, file_ticket: FileTicket, name: str) -> None:
    one, other = file_ticket(), file_ticket()
    given = {"actor": getattr(cast, name), "ticket_id": one.pk, "survivor_id": other.pk}
    expected = "ticket_unknown" if name in {"ada", "mallory"} else "permission_missing"
    assert code_of(duplicate_merge, **given) == expected
