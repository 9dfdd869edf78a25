"""How long what is left of an ended ticket is kept, and its deletion after that.

The person's data went when the ticket ended. What is kept after that shows how the request was
dealt with: the moves, the scope, the exemptions. When the retention of its law is over these go
too; what stays is the ticket's bare row, the audit log and the certificate.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from dateutil.relativedelta import relativedelta
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from expunge.accounts.models import Controller
from expunge.accounts.permissions import Actor
from expunge.accounts.selectors import policy_of
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import now
from expunge.common.errors import ConflictError, DomainError, NotAllowedError
from expunge.tickets.checks import ticket_locked
from expunge.tickets.coverage import holds_over
from expunge.tickets.models import Ticket
from expunge.tickets.regimes import regime_named, regimes
from expunge.tickets.signals import ticket_purging
from expunge.tickets.states import TERMINAL

logger = logging.getLogger(__name__)

KEEPER = Actor(system="retention")
BATCH = 500


@dataclass(frozen=True)
class Retention:
    """The class a ticket is kept in: its code and its months after the end."""

    code: str
    months: int


def retention_of(controller_id: UUID, regime: str) -> Retention:
    """Return how long ended tickets of a regime are kept: the law's period, or the policy's."""
    rule = regime_named(regime).retention
    if not rule.configurable:
        return Retention(rule.code, rule.months)
    return Retention(rule.code, policy_of(controller_id).retention_months)


def tickets_past_retention() -> Iterator[Ticket]:
    """Return the ended tickets whose retention is over, up to a batch for each law and owner."""
    for controller_id in Controller.objects.values_list("pk", flat=True):
        for regime in regimes():
            yield from _past(controller_id, regime).order_by("ended_at")[:BATCH]


@transaction.atomic
def ticket_purge(*, actor: Actor, ticket_id: UUID) -> Ticket:
    """Delete what is left of an ended ticket; only the platform does, when it is due.

    Other rooms delete what they keep of it on :data:`ticket_purging`, in the same transaction.

    Raises:
        NotAllowedError: ``platform_only``.
        ConflictError: ``retention_runs``, ``on_legal_hold``.
    """
    if actor.user is not None or not actor.system:
        raise NotAllowedError(
            "platform_only", _("The platform does this by itself, when it is due.")
        )
    ticket = ticket_locked(actor, ticket_id)
    if not _past(ticket.controller_id, ticket.regime).filter(pk=ticket.pk).exists():
        raise ConflictError("retention_runs", _("The retention of this ticket is not over."))
    if holds_over(ticket):
        raise ConflictError("on_legal_hold", _("A legal hold covers what is left of this ticket."))
    ticket_purging.send(sender=Ticket, ticket_id=ticket.pk)
    for rows in (ticket.moves, ticket.scopes, ticket.exemptions, ticket.holds):
        rows.all().delete()
    ticket.purged_at = now()
    ticket.save(update_fields=["purged_at"])
    kept = retention_of(ticket.controller_id, ticket.regime)
    audit_record(
        action=AuditAction.TICKET_PURGED,
        actor=actor.pseudonym,
        controller_id=ticket.controller_id,
        subject={"ticket": str(ticket.pk)},
        data={"class": kept.code, "months": kept.months},
    )
    return ticket


def retention_sweep() -> int:
    """Purge every ticket that is due, and return how many; one that fails stops no other."""
    purged = 0
    for ticket in tickets_past_retention():
        try:
            ticket_purge(actor=KEEPER, ticket_id=ticket.pk)
        except DomainError as error:
            logger.info("Ticket %s is kept: %s", ticket.pk, error.code)
        except Exception as error:  # noqa: BLE001 - one ticket must not hold up the others
            # No trace: it may quote data.
            logger.error("Ticket %s is not purged: %s", ticket.pk, type(error).__name__)  # noqa: TRY400
        else:
            purged += 1
    return purged


def _past(controller_id: UUID, regime: str) -> QuerySet[Ticket]:
    kept = retention_of(controller_id, regime)
    return Ticket.objects.filter(
        controller_id=controller_id,
        regime=regime,
        state__in=[str(state) for state in TERMINAL],
        ended_at__lt=now() - relativedelta(months=kept.months),
        purged_at__isnull=True,
    )
