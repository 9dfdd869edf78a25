"""Reading tickets: what an actor may see of them, and may do with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from expunge.accounts.models import Controller
from expunge.accounts.permissions import Actor, Permission
from expunge.common.clock import local_date, now
from expunge.common.errors import NotFoundError
from expunge.registry.models import ScopeNode
from expunge.registry.tree import label_index
from expunge.tickets.models import Ticket, TicketScope
from expunge.tickets.payload import TicketPayload, payload_decrypt, text_decrypt, ticket_key
from expunge.tickets.rules import Task, obstacle, today_at
from expunge.tickets.states import TERMINAL


@dataclass(frozen=True)
class HistoryEntry:
    """One line of a ticket's history. ``text`` is empty when shredded or not for this reader."""

    at: datetime
    source: str
    target: str
    who: str
    reason: str
    text: str = field(repr=False)


def tickets_visible(
    actor: Actor,
    *,
    state: str | None = None,
    overdue: bool | None = None,
    search: str | None = None,
) -> QuerySet[Ticket]:
    """Return the tickets of the actor's controllers, newest receipt first.

    ``search`` is a part of a reference, or exactly the label of a node in scope (a name).
    """
    visible = actor.controllers(Permission.TICKET_VIEW)
    tickets = Ticket.objects.filter(controller_id__in=visible).select_related(
        "controller", "requester", "reviewer", "approver"
    )
    if state:
        tickets = tickets.filter(state=state)
    if overdue is not None:
        late = overdue_now(actor)
        tickets = tickets.filter(late) if overdue else tickets.exclude(late)
    if search and search.strip():
        tickets = tickets.filter(_matches(search.strip(), visible))
    return tickets


def ticket_get(actor: Actor, ticket_id: UUID) -> Ticket:
    """Return one ticket; raises ``ticket_unknown``."""
    ticket = tickets_visible(actor).filter(pk=ticket_id).first()
    if ticket is None:
        raise NotFoundError("ticket_unknown", _("There is no such ticket for you."))
    return ticket


def references_of(actor: Actor, ticket_ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Return the references of those tickets that somebody may see."""
    seen = tickets_visible(actor).filter(pk__in=[found for found in ticket_ids if found])
    return dict(seen.values_list("pk", "reference"))


def ticket_nodes(ticket: Ticket) -> tuple[ScopeNode, ...]:
    """Return the nodes the ticket names, in the order of the tree."""
    return tuple(
        ScopeNode.objects.filter(ticket_scopes__ticket=ticket)
        .select_related("dataset")
        .order_by("dataset", "path")
    )


def ticket_payload(actor: Actor, ticket: Ticket) -> TicketPayload | None:
    """Return the person's data, or ``None`` when it is shredded or not for this actor.

    Only those who review or approve need to know who the person is.
    """
    return payload_decrypt(ticket) if may_read(actor, ticket) else None


def ticket_tasks(actor: Actor, ticket: Ticket) -> tuple[Task, ...]:
    """Return what the actor may do with the ticket now."""
    return tuple(task for task in Task if obstacle(task, actor, ticket) is None)


def ticket_history(actor: Actor, ticket: Ticket) -> tuple[HistoryEntry, ...]:
    """Return everything that happened to the ticket, oldest first."""
    key = ticket_key(ticket) if may_read(actor, ticket) else None
    return tuple(
        HistoryEntry(
            at=move.created_at,
            source=move.source,
            target=move.target,
            who=move.user.name if move.user else move.actor,
            reason=move.reason,
            text=text_decrypt(ticket, move.text, key),
        )
        for move in ticket.moves.select_related("user").order_by("created_at")
    )


def is_overdue(ticket: Ticket) -> bool:
    """Say whether the deadline has passed on a ticket that has not ended, whatever it waits for.

    It does not pass while the law lets the clock stand still.
    """
    stands_still = ticket.paused_since is not None
    return ticket.state not in TERMINAL and not stands_still and ticket.due_on < today_at(ticket)


def overdue_now(actor: Actor) -> Q:
    """Return the condition of :func:`is_overdue` as a query over the actor's tickets.

    The day that counts is that of the organisation's clocks: at most three days are named, where
    asking every ticket for its organisation's zone would cost a function call a row.
    """
    moment, days = now(), defaultdict[date, list[UUID]](list)
    visible = actor.controllers(Permission.TICKET_VIEW)
    for pk, zone in Controller.objects.filter(pk__in=visible).values_list("pk", "time_zone"):
        days[local_date(moment, zone)].append(pk)
    past = (Q(controller__in=those, due_on__lt=day) for day, those in days.items())
    runs = Q(paused_since__isnull=True)
    return ~Q(state__in=list(TERMINAL)) & runs & reduce(or_, past, Q(pk__in=[]))


def may_read(actor: Actor, ticket: Ticket) -> bool:
    """Say whether the actor may read who the person is: those who review or approve."""
    return any(
        actor.may(permission, ticket.controller_id)
        for permission in (Permission.TICKET_REVIEW, Permission.TICKET_APPROVE)
    )


def _matches(search: str, controllers: frozenset[UUID]) -> Q:
    indexes = [label_index(search, controller_id) for controller_id in controllers]
    named = ScopeNode.objects.filter(
        dataset__controller_id__in=controllers, label_index__in=indexes
    )
    scoped = TicketScope.objects.filter(node__in=named).values("ticket")
    return Q(reference__icontains=search) | Q(pk__in=scoped)
