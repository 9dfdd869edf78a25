"""Reading what this room knows of a ticket."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.common.errors import ConflictError, NotFoundError
from expunge.notices.services import is_mail_address
from expunge.subjects.kinds import Evidence, IntakeStanding, Level, Method, Standing
from expunge.subjects.models import IdentityCheck, IntakeRequest
from expunge.tickets.models import Ticket
from expunge.tickets.payload import text_decrypt, ticket_key
from expunge.tickets.selectors import ticket_payload
from expunge.tickets.states import TicketState


@dataclass(frozen=True)
class CheckRead:
    """An identity check; ``reference`` is empty when shredded or not for this reader."""

    at: datetime
    method: str
    level: str
    standing: str
    evidence: str
    expires_at: datetime | None
    tries: int
    by: str
    reference: str = field(repr=False)

    @property
    def method_label(self) -> str:
        """Return the method in words."""
        return str(Method(self.method).label)

    @property
    def level_label(self) -> str:
        """Return the level in words."""
        return str(Level(self.level).label)

    @property
    def standing_label(self) -> str:
        """Return the standing in words."""
        return str(Standing(self.standing).label)

    @property
    def evidence_label(self) -> str:
        """Return the kind of evidence in words, if there was any."""
        return str(Evidence(self.evidence).label) if self.evidence else ""


@dataclass(frozen=True)
class Identity:
    """What is known of how a ticket's person showed who they are.

    ``awaited``: the reader may act on it now; ``by_mail``: a code can be mailed.
    """

    checks: tuple[CheckRead, ...]
    awaited: bool
    by_mail: bool


def identity_of(actor: Actor, ticket: Ticket) -> Identity:
    """Return a ticket's identity checks and what the actor can do about them."""
    may = actor.may(Permission.TICKET_REVIEW, ticket.controller_id)
    awaited = may and ticket.state == TicketState.IDENTITY_PENDING
    key = ticket_key(ticket) if may else None
    checks = tuple(
        CheckRead(
            at=check.created_at,
            method=check.method,
            level=check.level,
            standing=check.standing,
            evidence=check.evidence,
            expires_at=check.expires_at,
            tries=check.tries,
            by=check.checked_by.name if check.checked_by else "",
            reference=text_decrypt(ticket, check.reference, key),
        )
        for check in IdentityCheck.objects.filter(ticket=ticket).select_related("checked_by")
    )
    payload = ticket_payload(actor, ticket) if awaited else None
    return Identity(checks, awaited, payload is not None and is_mail_address(payload.contact))


def intakes_for(actor: Actor) -> Any:
    """Return the requests of the organisations for which the actor may file, oldest first."""
    return IntakeRequest.objects.filter(
        controller_id__in=actor.controllers(Permission.TICKET_FILE)
    ).select_related("controller", "decided_by", "ticket")


def intake_get(actor: Actor, intake_id: UUID) -> IntakeRequest:
    """Return one request; raises ``intake_unknown``."""
    found: IntakeRequest | None = intakes_for(actor).filter(pk=intake_id).first()
    if found is None:
        raise NotFoundError("intake_unknown", _("There is no such request for you."))
    return found


def intake_waiting(found: Any) -> IntakeRequest:
    """Lock one request of ``found`` that nobody has decided.

    Raises:
        NotFoundError: ``intake_unknown``.
        ConflictError: ``intake_decided``.
    """
    intake: IntakeRequest | None = found.select_for_update(of=("self",)).first()
    if intake is None:
        raise NotFoundError("intake_unknown", _("There is no such request for you."))
    if intake.standing != IntakeStanding.WAITING:
        raise ConflictError("intake_decided", _("This request has been decided already."))
    return intake
