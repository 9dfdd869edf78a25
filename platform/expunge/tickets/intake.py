"""Filing a deletion request: the one door for pages, API and protocols."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from expunge.accounts.models import Controller
from expunge.accounts.permissions import Actor, Permission
from expunge.accounts.policies import BY_LAW
from expunge.accounts.selectors import policy_of
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import local_date, now
from expunge.common.crypto import new_key
from expunge.common.errors import ConflictError, InvalidInputError, NotAllowedError
from expunge.registry.lineage import PERSONAL
from expunge.registry.models import ScopeNode
from expunge.registry.selectors import records_in_scope
from expunge.tickets.clocks import Deadline, Establishment, deadline
from expunge.tickets.correspondence import tell_filed
from expunge.tickets.coverage import gate_pass
from expunge.tickets.disclosure import request_commitment
from expunge.tickets.models import Ticket, TicketMove, TicketScope
from expunge.tickets.payload import TicketPayload, key_create, payload_encrypt
from expunge.tickets.regimes import regime_named
from expunge.tickets.signals import ticket_filing
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move

REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Letters and digits that are not mistaken for each other."""
EARLIEST_YEAR = 2000
"""No law known here is older; an earlier day of receipt is a slip."""


@transaction.atomic
def ticket_file(  # noqa: PLR0913 - a request is filed once, whole
    *,
    actor: Actor,
    controller_id: UUID,
    regime: str,
    ground: str,
    node_ids: Iterable[UUID],
    payload: TicketPayload,
    received_at: datetime | None = None,
    profile: str | None = None,
    identity_confirmed: bool = False,
) -> Ticket:
    """File a request for everything below the named nodes.

    With ``identity_confirmed`` it goes straight to review, else it waits for the identity. The
    clock runs from the day of receipt where the controller is. Without a ``profile`` it must show
    what the organisation's policy says.

    Raises:
        InvalidInputError: ``scope_empty``, ``scope_unknown``, ``scope_matches_nothing``,
            ``regime_unknown``, ``ground_unknown``, ``name_missing``, ``received_in_future``,
            ``received_too_early``.
        NotAllowedError: ``permission_missing``, ``person_needed``.
    """
    gate_pass(controller_id)
    actor.require(Permission.TICKET_FILE, controller_id)
    if actor.user is None:
        raise NotAllowedError("person_needed", _("A request is filed in the name of a person."))
    if not payload.subject_name.strip():
        raise InvalidInputError(
            "name_missing", _("Say whom the request is about."), field="subject_name"
        )
    controller = Controller.objects.get(pk=controller_id)
    nodes = _scope(controller_id, node_ids)
    moment = _moment(received_at)
    clock = _deadline(controller, regime, ground, moment)
    ticket = Ticket(
        controller=controller,
        reference=new_reference(),
        regime=regime,
        ground=ground,
        profile=profile or profile_of(controller_id, regime),
        received_at=moment,
        due_on=date.fromisoformat(clock.due),
        clock=clock.to_json(),
        requester=actor.user,
    )
    asked = _store(ticket, payload, nodes)
    ticket_filing.send(sender=Ticket, ticket=ticket, payload=payload)
    tell_filed(ticket, payload)
    _remember(ticket, actor, nodes, asked)
    target = TicketState.UNDER_REVIEW if identity_confirmed else TicketState.IDENTITY_PENDING
    return ticket_move(ticket=ticket, target=target, actor=actor)


def profile_of(controller_id: UUID, regime: str) -> str:
    """Return the verification profile of a ticket that names none, as the policy says."""
    chosen = policy_of(controller_id).profile
    return regime_named(regime).profile if chosen == BY_LAW else chosen


def new_reference() -> str:
    """Return a fresh reference, as people read it aloud; it tells nobody how many there are."""
    letters = [secrets.choice(REFERENCE_ALPHABET) for _ in range(10)]
    return f"EX-{''.join(letters[:5])}-{''.join(letters[5:])}"


def _scope(controller_id: UUID, node_ids: Iterable[UUID]) -> tuple[ScopeNode, ...]:
    wanted = frozenset(node_ids)
    if not wanted:
        raise InvalidInputError(
            "scope_empty", _("Choose at least one node: a person, or a part."), field="node_ids"
        )
    nodes = tuple(ScopeNode.objects.filter(pk__in=wanted, dataset__controller_id=controller_id))
    if len(nodes) != len(wanted):
        raise InvalidInputError(
            "scope_unknown",
            _(
                "Some of the chosen nodes are in no dataset of this organisation. Search for the "
                "person again and choose from what is found."
            ),
            field="node_ids",
        )
    if not records_in_scope(nodes).filter(arm__in=PERSONAL).exists():
        raise InvalidInputError(
            "scope_matches_nothing",
            _(
                "No record of a person lies below the chosen nodes, so there is nothing to erase. "
                "Choose other nodes."
            ),
            field="node_ids",
        )
    return nodes


def _moment(received_at: datetime | None) -> datetime:
    current = now()
    if received_at is None:
        return current
    if received_at > current:
        raise InvalidInputError(
            "received_in_future", _("The day of receipt lies in the future."), field="received_at"
        )
    if received_at.year < EARLIEST_YEAR:
        raise InvalidInputError(
            "received_too_early",
            _("The day of receipt lies before %(year)s. Check the year.") % {"year": EARLIEST_YEAR},
            field="received_at",
        )
    return received_at


def _deadline(controller: Controller, regime: str, ground: str, moment: datetime) -> Deadline:
    rule = regime_named(regime).clock(ground)
    place = Establishment(controller.country, controller.subdivision, controller.time_zone)
    try:
        return deadline(rule, local_date(moment, controller.time_zone), place)
    except NotImplementedError as error:
        raise ConflictError(
            "holidays_unknown",
            _(
                "The public holidays of this organisation's country are not known. "
                "Ask its administrator to check country and subdivision."
            ),
        ) from error


def _store(ticket: Ticket, payload: TicketPayload, nodes: tuple[ScopeNode, ...]) -> str:
    """Store a ticket under a key of its own; returns the commitment to what was asked."""
    key = new_key()
    ticket.payload = payload_encrypt(ticket, payload, key)
    ticket.save(force_insert=True)
    key_create(ticket, key)
    TicketScope.objects.bulk_create(TicketScope(ticket=ticket, node=node) for node in nodes)
    return request_commitment(key, payload)


def _remember(ticket: Ticket, actor: Actor, nodes: tuple[ScopeNode, ...], asked: str) -> None:
    TicketMove.objects.create(
        ticket=ticket, target=ticket.state, actor=actor.pseudonym, user=actor.user
    )
    audit_record(
        action=AuditAction.TICKET_FILED,
        actor=actor.pseudonym,
        controller_id=ticket.controller_id,
        subject={"ticket": str(ticket.pk)},
        data={
            "regime": ticket.regime,
            "ground": ticket.ground,
            "profile": ticket.profile,
            "received_on": ticket.clock["received_on"],
            "due_on": ticket.clock["due"],
            "nodes": sorted(str(node.pk) for node in nodes),
            "request": asked,
        },
    )
