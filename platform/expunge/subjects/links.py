"""Secret links to the status page: made, revoked, and exchanged for what they lead to."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from expunge.accounts.models import User
from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import now
from expunge.common.errors import NotFoundError
from expunge.subjects.access import ticket_locked
from expunge.subjects.codes import token_digest, token_new
from expunge.subjects.models import IntakeRequest, StatusLink
from expunge.tickets.models import Ticket

PURPOSE = "status"
PATH = "/request/"


@transaction.atomic
def status_link_make(*, actor: Actor, ticket_id: UUID) -> str:
    """Make a secret link to a ticket's status page; return its address, which is shown once."""
    ticket = ticket_locked(actor, ticket_id, Permission.TICKET_REVIEW)
    return link_for(ticket=ticket, actor=actor)


@transaction.atomic
def status_links_revoke(*, actor: Actor, ticket_id: UUID) -> int:
    """Revoke every link to a ticket's status page; return how many there were."""
    ticket = ticket_locked(actor, ticket_id, Permission.TICKET_REVIEW)
    number = links_valid().filter(ticket=ticket).update(revoked_at=now())
    if number:
        _audit(AuditAction.STATUS_LINK_REVOKED, actor, ticket, {"links": number})
    return number


def link_for(*, ticket: Ticket, actor: Actor) -> str:
    """Store a link to a ticket, in the caller's transaction; return its address."""
    address = _store(controller_id=ticket.controller_id, ticket=ticket, made_by=actor.user)
    _audit(AuditAction.STATUS_LINK_MADE, actor, ticket, {})
    return address


def link_for_intake(intake: IntakeRequest) -> str:
    """Store a link to an intake request, in the caller's transaction; return its address."""
    return _store(controller_id=intake.controller_id, intake=intake)


def link_found(token: str) -> StatusLink | None:
    """Return the link with this secret, if it leads somewhere now."""
    digest = token_digest(token, purpose=PURPOSE)
    return links_valid().filter(digest=digest).first()


def link_get(link_id: UUID) -> StatusLink:
    """Return a link that leads somewhere now; raises ``link_unknown``."""
    found = links_valid().filter(pk=link_id).select_related("ticket__controller", "intake").first()
    if found is None:
        raise NotFoundError(
            "link_unknown", _("This link has ended. Open the link in our latest letter again.")
        )
    return found


def links_valid() -> QuerySet[StatusLink]:
    """Return the links that are neither revoked nor expired."""
    return StatusLink.objects.filter(Q(revoked_at=None), expires_at__gt=now())


def links_of(actor: Actor, ticket: Ticket) -> int:
    """Return how many valid links lead to the ticket, for those who may revoke them."""
    if not actor.may(Permission.TICKET_REVIEW, ticket.controller_id):
        return 0
    return links_valid().filter(ticket=ticket).count()


def _store(
    *,
    controller_id: UUID,
    ticket: Ticket | None = None,
    intake: IntakeRequest | None = None,
    made_by: User | None = None,
) -> str:
    token = token_new()
    StatusLink.objects.create(
        controller_id=controller_id,
        ticket=ticket,
        intake=intake,
        digest=token_digest(token, purpose=PURPOSE),
        expires_at=now() + timedelta(days=settings.EXPUNGE_STATUS_LINK_DAYS),
        made_by=made_by,
    )
    return f"{settings.EXPUNGE_PUBLIC_URL.rstrip('/')}{PATH}{token}/"


def _audit(action: AuditAction, actor: Actor, ticket: Ticket, data: dict[str, int]) -> None:
    audit_record(
        action=action,
        actor=actor.pseudonym,
        controller_id=ticket.controller_id,
        subject={"ticket": str(ticket.pk)},
        data=data,
    )
