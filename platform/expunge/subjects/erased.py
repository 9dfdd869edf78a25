"""After a certified deletion: the names of the erased leave the registry's trees."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from expunge.accounts.permissions import Actor
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.registry.labels import labels_shred
from expunge.subjects.models import LabelShredding
from expunge.tickets.exemptions import nodes_to_erase
from expunge.tickets.models import LegalHold, Outcome, Ticket
from expunge.tickets.payload import hold_texts_erase
from expunge.tickets.states import TicketState

SYSTEM = Actor(system="subjects")


@transaction.atomic
def ticket_labels_shred(*, ticket_id: UUID) -> None:
    """Empty the labels of whole persons whose deletion was certified; once for each certificate.

    What was written about earlier holds over them goes too.
    """
    ticket = tickets_with_labels().select_for_update().filter(pk=ticket_id).first()
    if ticket is None:
        return
    nodes = nodes_to_erase(ticket)
    number = labels_shred(nodes)
    hold_texts_erase(LegalHold.objects.filter(node__in=nodes))
    LabelShredding.objects.create(ticket=ticket, nodes=number)
    audit_record(
        action=AuditAction.LABELS_SHREDDED,
        actor=SYSTEM.pseudonym,
        controller_id=ticket.controller_id,
        subject={"ticket": str(ticket.pk)},
        data={"nodes": number},
    )


def tickets_with_labels() -> QuerySet[Ticket]:
    """Return the certified tickets whose names may still stand in a tree.

    A version that brought a person back may have brought names of further parts of them.
    """
    done = LabelShredding.objects.filter(
        ticket=OuterRef("pk"), created_at__gte=OuterRef("ended_at")
    )
    return Ticket.objects.filter(~Exists(done), state=TicketState.CLOSED, outcome=Outcome.CERTIFIED)
