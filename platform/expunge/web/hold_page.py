"""What the page of legal holds shows, and what a ticket's page says of holds and exemptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from expunge.accounts.permissions import Actor, Permission
from expunge.registry.models import ScopeNode
from expunge.registry.selectors import scope_trails
from expunge.tickets import exemptions, holds
from expunge.tickets.models import Exemption, LegalHold, Ticket
from expunge.tickets.rules import Task
from expunge.tickets.selectors import ticket_tasks
from expunge.tickets.states import TERMINAL
from expunge.web.access import actor_of
from expunge.web.exemption_forms import ExemptionForm, ReviewForm
from expunge.web.hold_forms import ReleaseForm
from expunge.web.paging import page_by_time


@dataclass(frozen=True)
class HoldLine:
    """A hold as its readers see it; ``form`` releases it, for who may."""

    hold: LegalHold
    covers: str
    authority: str
    form: ReleaseForm | None = None


@dataclass(frozen=True)
class ExemptionLine:
    """An exemption as its readers see it; ``form`` confirms it, for who may."""

    exemption: Exemption
    covers: str
    text: str = ""
    form: ReviewForm | None = None
    may_release: bool = False


def holds_context(
    request: HttpRequest,
    *,
    everything: bool = False,
    returned: tuple[UUID, ReleaseForm] | None = None,
) -> dict[str, Any]:
    """Return the values of the page; ``returned`` is a form that came back with errors."""
    actor = actor_of(request)
    found = page_by_time(
        request, holds.holds_visible(actor, active=None if everything else True), "created_at"
    )
    own = actor.controllers(Permission.TICKET_REVIEW)
    due = list(exemptions.exemptions_overdue(actor))
    return {
        "page": found,
        "lines": [_hold_line(actor, hold, own, returned) for hold in found.rows],
        "everything": everything,
        "may_place": bool(own),
        "due": [ExemptionLine(item, covered_by(item)) for item in due],
    }


def kept_context(
    actor: Actor, ticket: Ticket, returned: ExemptionForm | ReviewForm | None = None
) -> dict[str, Any]:
    """Return the holds over a ticket and its exemptions, with the forms this person may use."""
    ended = ticket.state in TERMINAL
    reviews = actor.may(Permission.TICKET_REVIEW, ticket.controller_id)
    places = Task.SUBMIT in ticket_tasks(actor, ticket)
    form = returned if isinstance(returned, ExemptionForm) else None
    lines = []
    for item in exemptions.exemptions_of(ticket):
        again = returned if isinstance(returned, ReviewForm) and returned.id == item.pk else None
        lines.append(
            ExemptionLine(
                item,
                "" if ended else covered_by(item),
                exemptions.exemption_text(actor, item),
                (again or ReviewForm(item.pk)) if reviews else None,
                may_release=places or (ended and reviews),
            )
        )
    return {
        "holds": [_hold_line(actor, hold) for hold in holds.holds_over(ticket)],
        "exemptions": lines,
        "exemption_form": (form or ExemptionForm(ticket)) if places else None,
        "exemption_returned": returned,
    }


def covered_by(exemption: Exemption) -> str:
    """Return what an exemption keeps, in words; a name, so never where a ticket has ended."""
    if exemption.node is None:
        return str(exemption.home.name)
    if exemption.ticket.state in TERMINAL:
        return f"{exemption.home.name}, {exemption.node.level}"
    return place_of(exemption.node)


def place_of(node: ScopeNode) -> str:
    """Return a node with the way to it."""
    return " / ".join(item.label for item in scope_trails([node])[node])


def _hold_line(
    actor: Actor,
    hold: LegalHold,
    own: frozenset[UUID] = frozenset(),
    returned: tuple[UUID, ReleaseForm] | None = None,
) -> HoldLine:
    may = hold.released_at is None and hold.controller_id in own
    form = ReleaseForm(auto_id=f"{hold.pk}-%s") if may else None
    if returned and returned[0] == hold.pk:
        form = returned[1]
    reads = holds.may_read_authority(actor, hold)
    return HoldLine(hold, _covers(hold), hold.authority if reads else "", form)


def _covers(hold: LegalHold) -> str:
    if hold.node is not None:
        return place_of(hold.node)
    return str(hold.dataset or hold.model or hold.ticket)
