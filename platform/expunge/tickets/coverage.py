"""Which legal holds cover what: asked whenever a ticket moves and before a model is changed.

A hold over a person, a dataset or a ticket stops the whole ticket. A hold over a model stops the
work on that model alone: the same person's data in other models is still erased.

Nothing slips between placing and moving. Whoever places a hold locks every open ticket it covers,
so a ticket that moves at the same moment is seen either before its move or after it, and sees the
hold itself when it comes second. A ticket that is only being filed has no row to lock yet; for it
there is the gate: filing passes it together with others, placing passes it alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import reduce
from operator import or_
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from expunge.registry.lineage import subtree
from expunge.registry.models import ScopeNode
from expunge.tickets.models import HoldKind, LegalHold, Ticket, TicketScope
from expunge.tickets.states import TERMINAL

SHARED = "SELECT pg_advisory_xact_lock_shared(hashtext('expunge.holds'), hashtext(%s))"
ALONE = "SELECT pg_advisory_xact_lock(hashtext('expunge.holds'), hashtext(%s))"


def holds_over(ticket: Ticket) -> tuple[LegalHold, ...]:
    """Return the active holds that stop this ticket, the oldest first.

    A subject's hold covers a ticket whose scope lies at, above or below its node.
    """
    active = LegalHold.objects.filter(
        controller_id=ticket.controller_id, released_at__isnull=True
    ).exclude(kind=HoldKind.MODEL)
    if not active.exists():
        return ()
    nodes = tuple(ScopeNode.objects.filter(ticket_scopes__ticket=ticket))
    covers = Q(ticket=ticket) | Q(dataset_id__in={node.dataset_id for node in nodes})
    for node in nodes:
        covers |= Q(node__dataset_id=node.dataset_id, node__path__in=_at_or_above(node.path))
        covers |= subtree(node, "node__")
    return tuple(active.filter(covers).order_by("created_at"))


def model_held(model_id: UUID) -> bool:
    """Say whether a legal hold forbids to change or replace this model now."""
    return LegalHold.objects.filter(model_id=model_id, released_at__isnull=True).exists()


def models_held(model_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Return those of the models that a legal hold covers now."""
    held = LegalHold.objects.filter(model_id__in=list(model_ids), released_at__isnull=True)
    return frozenset(held.values_list("model_id", flat=True))


def tickets_under(hold: LegalHold) -> QuerySet[Ticket]:
    """Return the open tickets the hold covers, whatever state they are in; none for a model's."""
    open_tickets = Ticket.objects.filter(controller_id=hold.controller_id).exclude(
        state__in=[str(state) for state in TERMINAL]
    )
    if hold.kind == HoldKind.TICKET:
        return open_tickets.filter(holds=hold)
    if hold.kind == HoldKind.MODEL:
        return open_tickets.none()
    if hold.kind == HoldKind.DATASET:
        scopes = TicketScope.objects.filter(node__dataset__holds=hold)
    else:
        scopes = TicketScope.objects.filter(_overlaps(hold.node))
    return open_tickets.filter(pk__in=scopes.values("ticket"))


def tickets_covered(controllers: Collection[UUID]) -> QuerySet[Ticket]:
    """Return the open tickets that an active hold stops, now or when they get that far."""
    active = LegalHold.objects.filter(controller_id__in=controllers, released_at__isnull=True)
    datasets = Q(node__dataset__in=active.filter(kind=HoldKind.DATASET).values("dataset"))
    people = active.filter(kind=HoldKind.SUBJECT).select_related("node")
    scopes = TicketScope.objects.filter(
        reduce(or_, (_overlaps(hold.node) for hold in people), datasets)
    )
    own = active.filter(kind=HoldKind.TICKET).values("ticket")
    return Ticket.objects.filter(
        Q(pk__in=own) | Q(pk__in=scopes.values("ticket")), controller_id__in=controllers
    ).exclude(state__in=[str(state) for state in TERMINAL])


def gate_pass(controller_id: UUID, *, alone: bool = False) -> None:
    """Pass the gate between filing and placing, until the transaction ends.

    Call it first in a transaction, before any row is locked or any audit leaf is written.
    """
    with connection.cursor() as cursor:
        cursor.execute(ALONE if alone else SHARED, [str(controller_id)])


def _overlaps(node: ScopeNode | None) -> Q:
    if node is None:
        return Q(pk__in=[])
    above = Q(node__dataset_id=node.dataset_id, node__path__in=_at_or_above(node.path))
    return above | subtree(node, "node__")


def _at_or_above(path: str) -> list[str]:
    segments = path.split(".")
    return [".".join(segments[: depth + 1]) for depth in range(len(segments))]
