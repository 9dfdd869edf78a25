"""Names leave the trees with a certified deletion; the blind index still knows who comes back."""

from __future__ import annotations

from collections.abc import Callable

from expunge.registry.labels import labels_shred
from expunge.registry.models import DatasetVersion, ScopeNode
from expunge.registry.selectors import scope_search
from expunge.subjects.models import LabelShredding
from expunge.subjects.tasks import subjects_sweep
from expunge.tickets.endings import ticket_reopen
from expunge.tickets.models import Ticket
from expunge.tickets.services import ticket_withdraw
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move
from tests.expunge.conftest import FileTicket, Register
from tests.expunge.factories import SYSTEM, People, clinic, leaves
from tests.expunge.tickets.walk import approved, failed


def labels_below(node: ScopeNode) -> set[str]:
    below = ScopeNode.objects.filter(dataset=node.dataset, path__startswith=node.path)
    return {item.label for item in below}


def certified(cast: People, ticket: Ticket) -> Ticket:
    ticket = approved(cast, ticket)
    for target in (S.IN_PROGRESS, S.VERIFIED, S.CERTIFIED, S.CLOSED):
        ticket_move(ticket=ticket, target=target, actor=SYSTEM)
    return ticket


S = TicketState


def test_a_certified_person_has_no_name_any_more(
    cast: People,
    file_ticket: FileTicket,
    erika: ScopeNode,
    django_capture_on_commit_callbacks: Callable[..., object],
) -> None:
    ticket = file_ticket()
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        certified(cast, ticket)
    erika.refresh_from_db()
    assert labels_below(erika) == {""}
    assert erika.parent is not None and erika.parent.label == "North Clinic"
    assert scope_search(SYSTEM, erika.dataset_id, "Max Beispiel")[0].label == "Max Beispiel"
    (leaf,) = leaves("labels.shredded")
    assert (
        leaf["data"]["nodes"]
        == ScopeNode.objects.filter(path__startswith=erika.path, dataset=erika.dataset).count()
    )


def test_the_sweep_makes_up_for_a_lost_signal_once(
    cast: People, file_ticket: FileTicket, erika: ScopeNode
) -> None:
    certified(cast, file_ticket())
    assert erika.label == "Erika Mustermann"
    subjects_sweep()
    subjects_sweep()
    assert labels_below(erika) == {""}
    assert LabelShredding.objects.count() == 1 and len(leaves("labels.shredded")) == 1


def test_who_was_not_erased_keeps_their_name(
    cast: People, file_ticket: FileTicket, erika: ScopeNode
) -> None:
    unverified = failed(cast, file_ticket())
    ticket_move(ticket=unverified, target=S.CLOSED, actor=SYSTEM)
    ticket_withdraw(actor=cast.carol, ticket_id=file_ticket().pk, reason="by_person")
    subjects_sweep()
    assert "" not in labels_below(erika)


def test_a_part_of_a_person_leaves_the_person_named(erika: ScopeNode) -> None:
    study = erika.children.first()
    assert study is not None and labels_shred([study]) == 0
    assert "" not in labels_below(erika)


def test_who_comes_back_is_the_same_node_without_a_name(
    erika: ScopeNode, patients: DatasetVersion, register: Register
) -> None:
    before = ScopeNode.objects.filter(dataset=erika.dataset).count()
    labels_shred([erika])
    index = bytes(ScopeNode.objects.get(pk=erika.pk).label_index)
    register(clinic(public=("North Street",)), at="again")
    erika.refresh_from_db()
    assert erika.label == "" and bytes(erika.label_index) == index
    assert scope_search(SYSTEM, erika.dataset_id, "erika mustermann")[0].pk == erika.pk
    fresh = ScopeNode.objects.filter(dataset=erika.dataset).count() - before
    assert (
        fresh
        == ScopeNode.objects.filter(
            dataset=erika.dataset,
            path__startswith=scope_search(SYSTEM, erika.dataset_id, "North Street")[0].path,
        ).count()
    )


def test_a_whole_institution_loses_its_persons_and_keeps_its_own_name(erika: ScopeNode) -> None:
    clinic_ = ScopeNode.objects.get(pk=erika.parent_id)
    labels_shred([clinic_])
    clinic_.refresh_from_db()
    assert clinic_.label == "North Clinic"
    assert {node.label for node in clinic_.children.all()} == {""}


def test_pages_tell_apart_those_without_a_name(erika: ScopeNode) -> None:
    assert erika.shown_label == "Erika Mustermann"
    labels_shred([erika])
    erika.refresh_from_db()
    assert erika.shown_label == f"erased, without a name ({erika.pk.hex[:8]})"


def test_who_was_brought_back_and_erased_again_loses_what_came_with_them(
    cast: People, file_ticket: FileTicket, erika: ScopeNode
) -> None:
    ticket = file_ticket()
    certified(cast, ticket)
    subjects_sweep()
    ticket_reopen(actor=SYSTEM, ticket_id=ticket.pk, reason="brought_back")
    study = erika.children.earliest("path")
    study.label = "a study that is new"
    study.save()
    subjects_sweep()
    ticket.refresh_from_db()
    for target in (S.VERIFIED, S.CERTIFIED, S.CLOSED):
        ticket_move(ticket=ticket, target=target, actor=SYSTEM)
    assert "a study that is new" in labels_below(erika)
    subjects_sweep()
    subjects_sweep()
    assert labels_below(erika) == {""}
    assert LabelShredding.objects.count() == 2
