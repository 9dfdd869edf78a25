"""What of a ticket's scope the law lets the controller keep, and what is left to erase.

Exemptions are part of the review: whoever may submit a ticket places and releases them, and the
person who approves sees them. The rest of the scope is erased.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import local_date, now
from expunge.common.errors import ConflictError, InvalidInputError, NotFoundError
from expunge.registry.models import Dataset, ScopeNode
from expunge.tickets.checks import text_given, ticket_for, ticket_locked
from expunge.tickets.models import Exemption, Ticket
from expunge.tickets.payload import text_decrypt, text_encrypt, ticket_key
from expunge.tickets.regimes import regime_named
from expunge.tickets.rules import Task, obstacle, today_at
from expunge.tickets.selectors import may_read, ticket_nodes
from expunge.tickets.states import TERMINAL


@transaction.atomic
def exemption_place(  # noqa: PLR0913 - an exemption is placed once, whole
    *,
    actor: Actor,
    ticket_id: UUID,
    code: str,
    text: str,
    review_on: date,
    node_id: UUID | None = None,
    dataset_id: UUID | None = None,
) -> Exemption:
    """Keep a node of the scope with all below it, or all of the scope in a dataset, for now.

    ``code`` is one of the regime's exemptions, ``text`` says why it applies; it is to be looked
    at again on ``review_on``.

    Raises:
        InvalidInputError: ``exemption_unknown``, ``text_missing``, ``review_in_past``,
            ``exempt_what``, ``exempt_outside_scope``. ConflictError: ``exempt_already``.
    """
    ticket = ticket_for(Task.SUBMIT, actor, ticket_id)
    rule = regime_named(ticket.regime).exemption(code)
    words = text_given(text)
    _check_review(ticket, review_on)
    node, dataset = _exempted(ticket, node_id, dataset_id)
    key = ticket_key(ticket)
    exemption = Exemption(
        ticket=ticket,
        node=node,
        dataset=dataset,
        code=rule.code,
        citation=rule.citation,
        text=text_encrypt(ticket, words, key) if key else None,
        review_on=review_on,
        placed_by=actor.user,
    )
    try:
        with transaction.atomic():
            exemption.save(force_insert=True)
    except IntegrityError as error:
        raise ConflictError(
            "exempt_already", _("This part of the scope is exempt already.")
        ) from error
    _audit(AuditAction.EXEMPTION_PLACED, exemption, actor)
    return exemption


@transaction.atomic
def exemption_release(*, actor: Actor, exemption_id: UUID) -> Exemption:
    """End an exemption: during the review, or after the ticket has ended.

    What it kept is in scope again. A ticket that has ended is not taken up by this: the data
    it kept is then erased through a new ticket.

    Raises:
        ConflictError: ``exemption_released``, ``ticket_state``.
    """
    exemption = _locked(actor, exemption_id)
    ticket = exemption.ticket
    if ticket.state not in TERMINAL:
        error = obstacle(Task.SUBMIT, actor, ticket)
        if error is not None:
            raise error
    exemption.released_at, exemption.released_by = now(), actor.user
    exemption.save(update_fields=["released_at", "released_by"])
    _audit(AuditAction.EXEMPTION_RELEASED, exemption, actor)
    return exemption


@transaction.atomic
def exemption_review(*, actor: Actor, exemption_id: UUID, review_on: date) -> Exemption:
    """Confirm that an exemption still applies, and say when to look at it again."""
    exemption = _locked(actor, exemption_id)
    _check_review(exemption.ticket, review_on)
    exemption.review_on = review_on
    exemption.save(update_fields=["review_on"])
    _audit(AuditAction.EXEMPTION_REVIEWED, exemption, actor)
    return exemption


def exemptions_of(ticket: Ticket) -> tuple[Exemption, ...]:
    """Return the exemptions in force, the oldest first; the caller may see the ticket."""
    return tuple(
        ticket.exemptions.filter(released_at__isnull=True).select_related(
            "node__dataset", "dataset", "placed_by"
        )
    )


def exemptions_visible(actor: Actor, *, due_before: date | None = None) -> QuerySet[Exemption]:
    """Return the exemptions in force, or those to be looked at again before a day."""
    found = Exemption.objects.filter(
        ticket__controller_id__in=actor.controllers(Permission.TICKET_VIEW),
        released_at__isnull=True,
    ).select_related("ticket__controller", "node__dataset", "dataset", "placed_by")
    return found if due_before is None else found.filter(review_on__lt=due_before)


def exemptions_overdue(actor: Actor) -> QuerySet[Exemption]:
    """Return the exemptions that should have been looked at again, the longest overdue first."""
    today = local_date(now(), "UTC")
    return exemptions_visible(actor, due_before=today).order_by("review_on")


def exemption_get(actor: Actor, exemption_id: UUID) -> Exemption:
    """Return one exemption, in force or not; raises ``exemption_unknown``."""
    visible = actor.controllers(Permission.TICKET_VIEW)
    found = (
        Exemption.objects.filter(pk=exemption_id, ticket__controller_id__in=visible)
        .select_related("ticket__controller", "node__dataset", "dataset", "placed_by")
        .first()
    )
    if found is None:
        raise NotFoundError("exemption_unknown", _("There is no such exemption for you."))
    return found


def exemption_text(actor: Actor, exemption: Exemption) -> str:
    """Return why an exemption applies; empty when shredded or not for this reader."""
    ticket = exemption.ticket
    key = ticket_key(ticket) if may_read(actor, ticket) else None
    return text_decrypt(ticket, exemption.text, key)


def nodes_to_erase(ticket: Ticket) -> tuple[ScopeNode, ...]:
    """Return the nodes below which everything is to be erased: the scope without what is exempt.

    Where only a part below a node of the scope is exempt, the node gives way to those of its
    children that are not.
    """
    exempt = exemptions_of(ticket)
    datasets = {item.dataset_id for item in exempt if item.dataset_id}
    nodes = [node for node in ticket_nodes(ticket) if node.dataset_id not in datasets]
    kept = [item.node for item in exempt if item.node is not None]
    return tuple(part for node in nodes for part in _without(node, kept))


def parts_of(
    ticket: Ticket, most: int = 200
) -> tuple[tuple[ScopeNode, ...], tuple[ScopeNode, ...]]:
    """Return the nodes of the scope, and those right below them: what is mostly exempted."""
    scope = ticket_nodes(ticket)
    below = ScopeNode.objects.filter(parent__in=scope).select_related("dataset")
    return scope, tuple(below.order_by("dataset", "path")[:most])


def exemptions_check(ticket: Ticket) -> None:
    """Raise ``everything_exempt`` when nothing of the scope would be left to erase."""
    if not nodes_to_erase(ticket):
        raise ConflictError(
            "everything_exempt",
            _(
                "All of the scope is exempt, so there is nothing to erase. Refuse the request with "
                "this reason, so that the person learns of their remedies."
            ),
        )


def _without(node: ScopeNode, kept: Collection[ScopeNode]) -> Sequence[ScopeNode]:
    here = [item for item in kept if item.dataset_id == node.dataset_id]
    if any(f"{node.path}.".startswith(f"{item.path}.") for item in here):
        return []
    if not any(item.path.startswith(f"{node.path}.") for item in here):
        return [node]
    children = ScopeNode.objects.filter(parent=node).select_related("dataset").order_by("path")
    return [part for child in children for part in _without(child, here)]


def _exempted(
    ticket: Ticket, node_id: UUID | None, dataset_id: UUID | None
) -> tuple[ScopeNode | None, Dataset | None]:
    if (node_id is None) == (dataset_id is None):
        raise InvalidInputError(
            "exempt_what",
            _("Choose either a part of the scope or a whole dataset."),
            field="node_id",
        )
    scope = ticket_nodes(ticket)
    outside = InvalidInputError(
        "exempt_outside_scope", _("Choose something that this ticket names."), field="node_id"
    )
    if dataset_id is not None:
        datasets = {node.dataset_id: node.dataset for node in scope}
        if dataset_id not in datasets:
            raise outside
        return None, datasets[dataset_id]
    for node in ScopeNode.objects.filter(pk__in=[node_id]).select_related("dataset"):
        if any(
            item.dataset_id == node.dataset_id and f"{node.path}.".startswith(f"{item.path}.")
            for item in scope
        ):
            return node, None
    raise outside


def _check_review(ticket: Ticket, review_on: date) -> None:
    if review_on <= today_at(ticket):
        raise InvalidInputError(
            "review_in_past", _("Choose a day to come for looking at it again."), field="review_on"
        )


def _locked(actor: Actor, exemption_id: UUID) -> Exemption:
    found = exemption_get(actor, exemption_id)
    ticket = ticket_locked(actor, found.ticket_id)
    actor.require(Permission.TICKET_REVIEW, ticket.controller_id)
    found.refresh_from_db(fields=["released_at", "review_on"])
    if found.released_at:
        raise ConflictError("exemption_released", _("This exemption was released already."))
    found.ticket = ticket
    return found


def _audit(action: AuditAction, exemption: Exemption, actor: Actor) -> None:
    part = (
        {"node": str(exemption.node_id)}
        if exemption.node_id
        else {"dataset": str(exemption.dataset_id)}
    )
    audit_record(
        action=action,
        actor=actor.pseudonym,
        controller_id=exemption.ticket.controller_id,
        subject={"ticket": str(exemption.ticket_id), "exemption": str(exemption.pk), **part},
        data={"code": exemption.code, "review_on": exemption.review_on.isoformat()},
    )
