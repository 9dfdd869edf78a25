"""Legal holds: placing them, releasing them, and who may read of them.

Placing a hold puts every ticket it covers on hold that can be stopped now; a ticket that gets
there later is stopped by its own move. A ticket resumes by itself when the last hold over it is
released. See :mod:`expunge.tickets.coverage` for what covers what, and for the locks.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.db import models, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import now
from expunge.common.errors import ConflictError, InvalidInputError, NotFoundError
from expunge.registry.models import Dataset, Model, ScopeNode
from expunge.tickets.checks import code_given, text_given, ticket_for, ticket_locked
from expunge.tickets.coverage import gate_pass, holds_over, model_held, models_held, tickets_under
from expunge.tickets.models import HoldKind, LegalHold, Ticket
from expunge.tickets.payload import hold_texts_erase
from expunge.tickets.reasons import HoldReason, ReleaseReason
from expunge.tickets.rules import Task
from expunge.tickets.signals import hold_changed
from expunge.tickets.states import HOLDABLE, TERMINAL, TicketState
from expunge.tickets.transitions import ticket_move

__all__ = [
    "hold_get",
    "hold_place",
    "hold_release",
    "holds_over",
    "holds_visible",
    "may_read_authority",
    "model_held",
    "models_held",
    "ticket_hold",
    "ticket_release",
]

OWNERS: Mapping[str, tuple[type[models.Model], str]] = {
    HoldKind.SUBJECT: (ScopeNode, "dataset__controller_id"),
    HoldKind.DATASET: (Dataset, "controller_id"),
    HoldKind.MODEL: (Model, "controller_id"),
    HoldKind.TICKET: (Ticket, "controller_id"),
}
"""What each kind of hold names, and where that thing says whose it is."""
COLUMNS: Mapping[str, str] = {
    HoldKind.SUBJECT: "node",
    HoldKind.DATASET: "dataset",
    HoldKind.MODEL: "model",
    HoldKind.TICKET: "ticket",
}


@transaction.atomic
def hold_place(  # noqa: PLR0913 - a hold is placed once, whole
    *, actor: Actor, controller_id: UUID, kind: str, target_id: UUID, reason: str, authority: str
) -> LegalHold:
    """Place a legal hold (:class:`HoldReason`) over a node, a dataset, a model or a ticket.

    ``authority`` names authority and matter. Tickets it covers that are at work stop.

    Raises:
        InvalidInputError: ``kind_unknown``, ``reason_unknown``, ``text_missing``.
        NotFoundError: ``hold_target_unknown``. NotAllowedError: ``permission_missing``.
    """
    actor.require(Permission.TICKET_REVIEW, controller_id)
    gate_pass(controller_id, alone=True)
    hold = LegalHold(
        controller_id=controller_id,
        kind=_kind(kind),
        reason=code_given(reason, HoldReason.values),
        authority=text_given(authority),
        placed_by=actor.user,
    )
    setattr(hold, COLUMNS[kind], _target(controller_id, kind, target_id))
    return _place(hold, actor)


@transaction.atomic
def hold_release(*, actor: Actor, hold_id: UUID, reason: str, text: str) -> LegalHold:
    """Release a hold (:class:`ReleaseReason`); tickets that no other hold covers resume.

    Raises:
        NotFoundError: ``hold_unknown``. ConflictError: ``hold_released``.
    """
    controller_id = hold_get(actor, hold_id).controller_id
    actor.require(Permission.TICKET_REVIEW, controller_id)
    gate_pass(controller_id, alone=True)
    hold = LegalHold.objects.select_for_update(of=("self",)).select_related("node").get(pk=hold_id)
    if hold.released_at:
        raise ConflictError("hold_released", _("This hold was released already."))
    _release([hold], actor, code_given(reason, ReleaseReason.values), text_given(text))
    return hold


@transaction.atomic
def ticket_hold(*, actor: Actor, ticket_id: UUID, reason: str, text: str) -> Ticket:
    """Place a legal hold over one ticket; ``text`` names authority and matter."""
    _gate_of(actor, ticket_id)
    ticket = ticket_for(Task.HOLD, actor, ticket_id)
    hold = LegalHold(
        controller_id=ticket.controller_id,
        kind=HoldKind.TICKET,
        ticket=ticket,
        reason=code_given(reason, HoldReason.values),
        authority=text_given(text),
        placed_by=actor.user,
    )
    _place(hold, actor)
    return ticket_locked(actor, ticket_id)


@transaction.atomic
def ticket_release(*, actor: Actor, ticket_id: UUID, reason: str, text: str) -> Ticket:
    """Release the holds over this one ticket; it resumes unless a hold over the data covers it."""
    _gate_of(actor, ticket_id)
    ticket = ticket_for(Task.RELEASE, actor, ticket_id)
    code, words = code_given(reason, ReleaseReason.values), text_given(text)
    own = LegalHold.objects.select_for_update().filter(ticket=ticket, released_at__isnull=True)
    _release(list(own), actor, code, words)
    ticket = ticket_locked(actor, ticket_id)
    return _resume(ticket, actor, code, words)


def holds_visible(actor: Actor, *, active: bool | None = None) -> QuerySet[LegalHold]:
    """Return the holds of the actor's controllers, the latest first."""
    holds = LegalHold.objects.filter(
        controller_id__in=actor.controllers(Permission.TICKET_VIEW)
    ).select_related(
        "controller", "node__dataset", "dataset", "model", "ticket", "placed_by", "released_by"
    )
    return holds if active is None else holds.filter(released_at__isnull=active)


def hold_get(actor: Actor, hold_id: UUID) -> LegalHold:
    """Return one hold; raises ``hold_unknown``."""
    hold = holds_visible(actor).filter(pk=hold_id).first()
    if hold is None:
        raise NotFoundError("hold_unknown", _("There is no such legal hold for you."))
    return hold


def may_read_authority(actor: Actor, hold: LegalHold) -> bool:
    """Say whether the actor may read authority and matter: those who review or approve."""
    return any(
        actor.may(permission, hold.controller_id)
        for permission in (Permission.TICKET_REVIEW, Permission.TICKET_APPROVE)
    )


def _place(hold: LegalHold, actor: Actor) -> LegalHold:
    """Store the hold and stop what it covers: all rows are locked before any leaf is written."""
    hold.save(force_insert=True)
    covered = list(tickets_under(hold).select_for_update(of=("self",)).order_by("pk"))
    _audit(AuditAction.HOLD_PLACED, hold, actor, {"kind": hold.kind, "reason": hold.reason})
    for ticket in covered:
        if ticket.state in HOLDABLE:
            ticket_move(
                ticket=ticket,
                target=TicketState.ON_HOLD,
                actor=actor,
                reason=hold.reason,
                text=hold.authority,
            )
    _tell(hold)
    return hold


def _release(holds: list[LegalHold], actor: Actor, code: str, words: str) -> None:
    covered = {
        ticket.pk: ticket
        for hold in holds
        for ticket in tickets_under(hold).select_for_update(of=("self",)).order_by("pk")
    }
    for hold in holds:
        hold.released_at, hold.released_by = now(), actor.user
        hold.release_reason, hold.release_text = code, words
        hold.save(update_fields=["released_at", "released_by", "release_reason", "release_text"])
        if hold.ticket is not None and hold.ticket.state in TERMINAL:
            hold_texts_erase(hold.ticket.holds.all())
        _audit(AuditAction.HOLD_RELEASED, hold, actor, {"kind": hold.kind, "reason": code})
        _tell(hold)
    for ticket in covered.values():
        _resume(ticket, actor, code, words)


def _resume(ticket: Ticket, actor: Actor, code: str, words: str) -> Ticket:
    if ticket.state != TicketState.ON_HOLD or holds_over(ticket):
        return ticket
    target = TicketState(ticket.held_from)
    return ticket_move(ticket=ticket, target=target, actor=actor, reason=code, text=words)


def _gate_of(actor: Actor, ticket_id: UUID) -> None:
    """Pass the gate of the ticket's controller, before the ticket is locked."""
    found = Ticket.objects.filter(
        pk=ticket_id, controller_id__in=actor.controllers(Permission.TICKET_VIEW)
    ).values_list("controller_id", flat=True)
    for controller_id in found:
        gate_pass(controller_id, alone=True)


def _kind(kind: str) -> str:
    if kind not in HoldKind.values:
        known = ", ".join(HoldKind.values)
        raise InvalidInputError(
            "kind_unknown", _("A hold covers one of %(known)s.") % {"known": known}, field="kind"
        )
    return kind


def _target(controller_id: UUID, kind: str, target_id: UUID) -> models.Model:
    owner, column = OWNERS[kind]
    found = owner._default_manager.filter(  # noqa: SLF001 - Django's public manager
        pk=target_id, **{column: controller_id}
    ).first()
    if found is None:
        raise NotFoundError(
            "hold_target_unknown",
            _("There is no such thing to hold in this organisation. Search for it again."),
        )
    return found


def _audit(action: AuditAction, hold: LegalHold, actor: Actor, data: dict[str, Any]) -> None:
    subject = {"hold": str(hold.pk), COLUMNS[hold.kind]: str(hold.target_id)}
    audit_record(
        action=action,
        actor=actor.pseudonym,
        controller_id=hold.controller_id,
        subject=subject,
        data=data,
    )


def _tell(hold: LegalHold) -> None:
    transaction.on_commit(
        partial(hold_changed.send_robust, sender=LegalHold, hold_id=hold.pk, model_id=hold.model_id)
    )
