"""What the law lets the controller keep is left out of the erasure, named, and looked at again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from expunge.common.clock import now
from expunge.jobs.facts import facts_of
from expunge.jobs.services import scope_of
from expunge.registry.models import ModelVersion, ScopeNode
from expunge.registry.selectors import records_in_scope, scope_search
from expunge.tickets import exemptions, services
from expunge.tickets.models import Exemption, Ticket
from expunge.tickets.regimes import regimes
from expunge.tickets.states import TicketState
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import SYSTEM, People, all_leaves, leaves
from tests.expunge.tickets.walk import approved, code_of, submitted

S = TicketState
Place = Callable[..., Exemption]
LATER = timedelta(days=180)


def day(delta: timedelta = LATER) -> date:
    return now().date() + delta


@pytest.fixture
def place(cast: People) -> Place:
    """Alice exempts a part of a ticket."""

    def place_exemption(ticket: Ticket, **given: Any) -> Exemption:
        defaults: dict[str, Any] = {
            "actor": cast.alice,
            "ticket_id": ticket.pk,
            "code": "legal_claims",
            "text": "A lawsuit of Erika against the hospital",
            "review_on": day(),
        }
        return exemptions.exemption_place(**{**defaults, **given})

    return place_exemption


def study(patient: ScopeNode, place: int = 0) -> ScopeNode:
    return ScopeNode.objects.filter(parent=patient).order_by("path")[place]


def keys(nodes: tuple[ScopeNode, ...]) -> set[str]:
    return set(records_in_scope(nodes).values_list("key", flat=True))


def test_an_exempt_part_is_left_out_and_all_the_rest_is_erased(
    file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    ticket = file_ticket()
    whole = keys(scope_of(ticket))
    part = study(erika)
    place(ticket, node_id=part.pk)
    kept = keys((part,))
    assert kept and keys(scope_of(ticket)) == whole - kept
    deeper = ScopeNode.objects.filter(parent=study(erika, 1)).first()
    assert deeper is not None
    place(ticket, node_id=deeper.pk)
    assert keys(scope_of(ticket)) == whole - kept - keys((deeper,))


def test_a_released_exemption_is_in_scope_again(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    ticket = file_ticket()
    exemption = place(ticket, node_id=study(erika).pk)
    exemptions.exemption_release(actor=cast.alice, exemption_id=exemption.pk)
    assert scope_of(ticket) == (erika,) and exemptions.exemptions_of(ticket) == ()
    given = {"actor": cast.alice, "exemption_id": exemption.pk}
    assert code_of(exemptions.exemption_release, **given) == "exemption_released"


@pytest.mark.parametrize("what", ["node", "above", "dataset"])
def test_a_request_of_which_all_is_exempt_is_refused_not_approved(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, place: Place, what: str
) -> None:
    ticket = file_ticket(node_ids=[erika.pk])
    if what == "above":
        ticket = file_ticket(node_ids=[study(erika).pk, study(erika, 1).pk])
        place(ticket, node_id=study(erika).pk)
        place(ticket, node_id=study(erika, 1).pk)
    elif what == "node":
        place(ticket, node_id=erika.pk)
    else:
        place(ticket, dataset_id=erika.dataset_id)
    assert scope_of(ticket) == ()
    assert code_of(submitted, cast=cast, ticket=ticket) == "everything_exempt"
    ticket = services.ticket_reject(
        actor=cast.alice, ticket_id=ticket.pk, reason="legal_claims", text="A lawsuit"
    )
    assert ticket.state == S.REJECTED


def test_where_models_hold_only_what_is_exempt_the_ticket_says_so(
    cast: People,
    file_ticket: FileTicket,
    erika: ScopeNode,
    original: ModelVersion,
    place: Place,
) -> None:
    (twin,) = scope_search(SYSTEM, erika.dataset_id, "Anna Zwilling")
    ticket = file_ticket(node_ids=[erika.pk, twin.pk])
    place(ticket, node_id=erika.pk)
    ticket = approved(cast, ticket)
    assert exemptions.nodes_to_erase(ticket) == (twin,)
    ticket = services.ticket_close_nothing_held(actor=SYSTEM, ticket_id=ticket.pk)
    assert (ticket.state, ticket.outcome) == (S.CLOSED, "exempt")
    assert leaves("ticket.moved")[-1]["data"]["reason"] == "exempt"


def test_the_certificate_says_what_was_kept_and_why(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, original: ModelVersion, place: Place
) -> None:
    ticket = file_ticket()
    place(ticket, node_id=study(erika).pk)
    (said,) = facts_of(approved(cast, ticket)).exemptions
    assert (said.dataset, said.level) == ("clinic", "study")
    assert (said.code, said.citation) == ("legal_claims", "GDPR Art. 17(3)(e)")
    assert said.review_on == day()


@pytest.mark.parametrize("regime", regimes())
def test_an_exemption_is_one_of_its_own_law(
    file_ticket: FileTicket, erika: ScopeNode, place: Place, regime: str
) -> None:
    law = regimes()[regime]
    part = study(erika).pk
    ticket = file_ticket(regime=regime, ground=law.grounds[0].code)
    assert code_of(place, ticket=ticket, node_id=part, code="whim") == "exemption_unknown"
    exemption = place(ticket, node_id=part, code=law.exemptions[0].code)
    assert exemption.citation == law.exemptions[0].citation


def test_what_an_exemption_must_say(
    file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    ticket = file_ticket()
    other = ScopeNode.objects.filter(parent=erika.parent).exclude(pk=erika.pk).first()
    assert other is not None and erika.parent_id is not None
    part = {"node_id": study(erika).pk}
    assert code_of(place, ticket=ticket, **part, text=" ") == "text_missing"
    assert code_of(place, ticket=ticket, **part, review_on=day(timedelta(days=-1))) == (
        "review_in_past"
    )
    assert code_of(place, ticket=ticket) == "exempt_what"
    assert code_of(place, ticket=ticket, **part, dataset_id=erika.dataset_id) == "exempt_what"
    for outside in (other.pk, erika.parent_id):
        assert code_of(place, ticket=ticket, node_id=outside) == "exempt_outside_scope"
    place(ticket, **part)
    assert code_of(place, ticket=ticket, **part) == "exempt_already"


def test_only_who_may_submit_the_review_decides_on_exemptions(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    ticket = file_ticket()
    part = {"ticket": ticket, "node_id": study(erika).pk}
    for actor in (cast.bob, cast.carol, cast.dora):
        assert code_of(place, **part, actor=actor) == "permission_missing"
    for actor in (cast.ada, cast.mallory):
        assert code_of(place, **part, actor=actor) == "ticket_unknown"
    exemption = place(**part)
    calls: list[tuple[Callable[..., object], dict[str, Any]]] = [
        (exemptions.exemption_release, {}),
        (exemptions.exemption_review, {"review_on": day()}),
    ]
    for call, given in calls:
        for actor in (cast.bob, cast.carol, cast.dora):
            refused = code_of(call, actor=actor, exemption_id=exemption.pk, **given)
            assert refused == "permission_missing"
        for actor in (cast.ada, cast.mallory):
            refused = code_of(call, actor=actor, exemption_id=exemption.pk, **given)
            assert refused == "exemption_unknown"
    assert not exemptions.exemptions_visible(cast.mallory).exists()


def test_who_filed_a_ticket_exempts_nothing_of_it(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    ticket = file_ticket(actor=cast.alice)
    assert code_of(place, ticket=ticket, node_id=study(erika).pk) == "own_request"


def test_after_the_review_the_scope_stands(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    ticket = file_ticket()
    exemption = place(ticket, node_id=study(erika).pk)
    submitted(cast, ticket)
    given = {"actor": cast.alice, "exemption_id": exemption.pk}
    assert code_of(exemptions.exemption_release, **given) == "ticket_state"
    assert code_of(place, ticket=ticket, node_id=study(erika, 1).pk) == "ticket_state"
    services.ticket_withdraw(actor=cast.carol, ticket_id=ticket.pk, reason="by_person")
    assert exemptions.exemption_release(**given).released_at is not None


def test_an_overdue_review_is_seen_until_somebody_looks_again(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    exemption = place(file_ticket(), node_id=study(erika).pk)
    assert not exemptions.exemptions_overdue(cast.alice).exists()
    Exemption.objects.filter(pk=exemption.pk).update(review_on=day(timedelta(days=-3)))
    assert list(exemptions.exemptions_overdue(cast.alice)) == [exemption]
    assert not exemptions.exemptions_overdue(cast.mallory).exists()
    exemptions.exemption_review(actor=cast.alice, exemption_id=exemption.pk, review_on=day())
    assert not exemptions.exemptions_overdue(cast.alice).exists()


def test_why_it_applies_is_read_by_those_who_decide_and_shredded_with_the_ticket(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    ticket = file_ticket()
    exemption = place(ticket, node_id=study(erika).pk)
    assert b"lawsuit" not in bytes(exemption.text or b"")
    for actor in (cast.alice, cast.bob):
        assert "lawsuit" in exemptions.exemption_text(actor, exemption)
    for actor in (cast.carol, cast.dora):
        assert exemptions.exemption_text(actor, exemption) == ""
    services.ticket_withdraw(actor=cast.carol, ticket_id=ticket.pk, reason="by_person")
    exemption.refresh_from_db()
    assert exemption.text is None and exemptions.exemption_text(cast.alice, exemption) == ""


def test_every_change_leaves_a_leaf_without_names(
    cast: People, file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    ticket = file_ticket()
    exemption = place(ticket, node_id=study(erika).pk)
    given = {"actor": cast.alice, "exemption_id": exemption.pk}
    exemptions.exemption_review(**given, review_on=day(timedelta(days=9)))
    exemptions.exemption_release(**given)
    about = {
        "ticket": str(ticket.pk),
        "exemption": str(exemption.pk),
        "node": str(study(erika).pk),
    }
    for action, review_on in (
        ("exemption.placed", day()),
        ("exemption.reviewed", day(timedelta(days=9))),
        ("exemption.released", day(timedelta(days=9))),
    ):
        (leaf,) = leaves(action)
        assert leaf["subject"] == about
        assert leaf["data"] == {"code": "legal_claims", "review_on": review_on.isoformat()}
    assert b"lawsuit" not in all_leaves()


def test_the_database_wants_a_node_or_a_dataset(
    file_ticket: FileTicket, erika: ScopeNode, place: Place
) -> None:
    exemption = place(file_ticket(), node_id=study(erika).pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        Exemption.objects.filter(pk=exemption.pk).update(dataset=erika.dataset)
