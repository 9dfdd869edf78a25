"""Duplicates: found by blind indexes of name and contact, merged only by a person.

Filing is never refused for a duplicate. A ticket survives a merge only when its identity is
shown, it covers all that the other one asks for, and the person gains no later deadline. So
nobody can take the place of a person by filing first in their name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.crypto import blind_index
from expunge.common.errors import ConflictError, DomainError, InvalidInputError
from expunge.registry.models import ScopeNode
from expunge.registry.tree import path_and_above
from expunge.subjects.access import ticket_locked
from expunge.subjects.kinds import IndexKind
from expunge.subjects.models import SubjectIndex, TicketDuplicate
from expunge.tickets.models import Ticket
from expunge.tickets.payload import TicketPayload
from expunge.tickets.reasons import WithdrawalReason
from expunge.tickets.selectors import ticket_nodes, tickets_visible
from expunge.tickets.services import ticket_withdraw
from expunge.tickets.states import TERMINAL, TicketState

UNSHOWN = frozenset({TicketState.RECEIVED, TicketState.IDENTITY_PENDING})
MOST_SHOWN = 20


@dataclass(frozen=True)
class Lookalike:
    """Another open ticket that may be about the same person and the same data.

    ``refusal`` says why this ticket cannot be withdrawn in favour of it, if it cannot.
    """

    ticket: Ticket
    same: tuple[IndexKind, ...]
    overlaps: bool
    refusal: DomainError | None


def subject_digest(kind: IndexKind | str, value: str, controller_id: UUID) -> bytes:
    """Return the blind index of a name or a contact within one controller."""
    return blind_index(value, context=f"subjects.index:{kind}:{controller_id}")


def indexes_store(*, ticket: Ticket, payload: TicketPayload) -> None:
    """Store the blind indexes of a ticket that is being filed, in that transaction."""
    digests = _digests(ticket.controller_id, payload.subject_name, payload.contact)
    SubjectIndex.objects.bulk_create(
        SubjectIndex(key=ticket.key, controller_id=ticket.controller_id, kind=kind, digest=digest)
        for digest, kind in digests.items()
    )


def lookalikes_of(actor: Actor, ticket: Ticket) -> Sequence[Lookalike]:
    """Return the open tickets that may be about the same person, for reviewers."""
    if not actor.may(Permission.TICKET_REVIEW, ticket.controller_id):
        return ()
    own = {
        bytes(item.digest): item.kind for item in SubjectIndex.objects.filter(key__ticket=ticket)
    }
    same = _matches(ticket.controller_id, own)
    same.pop(ticket.pk, None)
    nodes = ticket_nodes(ticket)
    found = tickets_visible(actor).filter(pk__in=same).order_by("received_at")[:MOST_SHOWN]
    return tuple(
        Lookalike(
            ticket=other,
            same=tuple(sorted(same[other.pk])),
            overlaps=overlap(nodes, ticket_nodes(other)),
            refusal=merge_refusal(ticket, other),
        )
        for other in found
    )


def tickets_about(
    actor: Actor, controller_id: UUID, *, name: str, contact: str
) -> Sequence[Ticket]:
    """Return the open tickets about a person of this name or contact, for those who file."""
    same = _matches(controller_id, _digests(controller_id, name, contact))
    return tuple(tickets_visible(actor).filter(pk__in=same).order_by("received_at")[:MOST_SHOWN])


@transaction.atomic
def duplicate_merge(*, actor: Actor, ticket_id: UUID, survivor_id: UUID) -> Ticket:
    """Withdraw a ticket because another one covers it, and remember which.

    Raises:
        InvalidInputError: ``survivor_same``.
        ConflictError: ``survivor_unverified``, ``survivor_ended``, ``duplicate_not_covered``,
            ``duplicate_due_earlier``, ``other_controller``, ``ticket_state``.
    """
    if ticket_id == survivor_id:
        raise InvalidInputError(
            "survivor_same", _("A ticket cannot be its own duplicate."), field="survivor"
        )
    # Locked in one order, so that two people who merge both ways do not wait for each other.
    locked = {
        pk: ticket_locked(actor, pk, Permission.TICKET_REVIEW)
        for pk in sorted((ticket_id, survivor_id))
    }
    ticket, survivor = locked[ticket_id], locked[survivor_id]
    refusal = merge_refusal(ticket, survivor)
    if refusal is not None:
        raise refusal
    TicketDuplicate.objects.create(ticket=ticket, survivor=survivor, decided_by=actor.user)
    withdrawn = ticket_withdraw(actor=actor, ticket_id=ticket.pk, reason=WithdrawalReason.DUPLICATE)
    audit_record(
        action=AuditAction.DUPLICATE_MERGED,
        actor=actor.pseudonym,
        controller_id=ticket.controller_id,
        subject={"ticket": str(ticket.pk), "survivor": str(survivor.pk)},
        data={},
    )
    return withdrawn


def merge_refusal(ticket: Ticket, survivor: Ticket) -> ConflictError | None:
    """Return why one ticket may not be withdrawn in favour of another, if it may not."""
    if ticket.controller_id != survivor.controller_id:
        return ConflictError("other_controller", _("Both tickets must be of one organisation."))
    if survivor.state in UNSHOWN:
        return ConflictError(
            "survivor_unverified",
            _("Nobody has shown their identity for that ticket, so it may not absorb another one."),
        )
    if survivor.state in TERMINAL:
        return ConflictError("survivor_ended", _("That ticket has ended, so this one must go on."))
    if not covers(ticket_nodes(survivor), ticket_nodes(ticket)):
        return ConflictError(
            "duplicate_not_covered", _("This ticket asks for data that is not in that one's scope.")
        )
    if ticket.state not in UNSHOWN and ticket.due_on < survivor.due_on:
        return ConflictError(
            "duplicate_due_earlier",
            _(
                "This ticket is due earlier, and its person has shown who they are. "
                "Withdraw the other one in favour of this."
            ),
        )
    return None


def covers(wide: Iterable[ScopeNode], narrow: Iterable[ScopeNode]) -> bool:
    """Say whether every node of one scope stands at or below a node of another."""
    places = {(node.dataset_id, node.path) for node in wide}
    return all(
        any((node.dataset_id, path) in places for path in path_and_above(node.path))
        for node in narrow
    )


def overlap(one: Sequence[ScopeNode], other: Sequence[ScopeNode]) -> bool:
    """Say whether two scopes have data in common."""
    return any(covers(other, [node]) for node in one) or any(covers(one, [node]) for node in other)


def _digests(controller_id: UUID, name: str, contact: str) -> dict[bytes, str]:
    """Return the indexes of a person. Words such as "by letter" are nobody's contact."""
    values = {IndexKind.NAME: name}
    if any(sign.isdigit() or sign == "@" for sign in contact):
        values[IndexKind.CONTACT] = contact
    return {
        subject_digest(kind, value, controller_id): str(kind)
        for kind, value in values.items()
        if value.strip()
    }


def _matches(controller_id: UUID, digests: dict[bytes, str]) -> dict[UUID, set[IndexKind]]:
    found: dict[UUID, set[IndexKind]] = {}
    rows = SubjectIndex.objects.filter(
        controller_id=controller_id, digest__in=list(digests)
    ).values_list("key__ticket_id", "kind")
    for ticket_id, kind in rows:
        found.setdefault(ticket_id, set()).add(IndexKind(kind))
    return found
