"""Telling the other side where its request stands, each time that changes.

A request is looked at when its ticket moves, and by a sweep: what a crash left is told late, not
never. The body of a callback is made when it is sent, from the standing that it was queued with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from expunge.accounts.permissions import Actor
from expunge.common.clock import now
from expunge.notices.outbox import WEBHOOK, row_claim, row_failed, row_sent
from expunge.notices.outgoing import Resolver, post, resolve
from expunge.notices.queue import enqueue_on_commit
from expunge.protocols.drp import status as drp
from expunge.protocols.models import Callback, Protocol, ProtocolRequest
from expunge.protocols.opendsr import status as opendsr
from expunge.protocols.standing import VERIFY, standing_of
from expunge.subjects.identity import identity_attest
from expunge.subjects.kinds import Level
from expunge.subjects.links import link_for
from expunge.tickets.states import TicketState

CALLBACK_SEND = "expunge.protocols.tasks.callback_send"
SENDER = Actor(system="protocol")
"""The other side, when it vouches for a person or takes a request back."""

Message = Callable[[ProtocolRequest, str, str], tuple[bytes, Mapping[str, str]]]
MESSAGES: Mapping[str, Message] = {
    Protocol.OPENDSR: opendsr.callback,
    Protocol.OPENGDPR: opendsr.callback,
    Protocol.DRP: drp.callback,
}


@transaction.atomic
def request_tell(*, request_id: UUID) -> None:
    """Do what is due for one request: vouch for the identity, queue callbacks of a change."""
    request = (
        ProtocolRequest.objects.select_for_update(of=("self",))
        .select_related("intake__ticket")
        .get(pk=request_id)
    )
    ticket = request.intake.ticket
    if ticket and ticket.state == TicketState.IDENTITY_PENDING and request.attested:
        identity_attest(
            actor=SENDER,
            ticket_id=ticket.pk,
            level=Level.SUBSTANTIAL,
            reference=request.attested,
        )
        ticket.refresh_from_db()
    standing = standing_of(request.intake)
    if standing.code == request.told:
        return
    request.told = standing.code
    if standing.word == VERIFY and ticket and request.agent_id:
        request.verification_url = link_for(ticket=ticket, actor=SENDER)
    elif standing.is_final:
        request.verification_url = None
    request.save(update_fields=["told", "verification_url"])
    for address in request.addresses.all():
        row = Callback.objects.create(
            request=request, address=address, standing=standing.code, due_at=now()
        )
        enqueue_on_commit(CALLBACK_SEND, row.pk)


def requests_open() -> QuerySet[ProtocolRequest]:
    """Return the requests of which there may be something to tell."""
    ended = Q(told="done") | Q(told="revoked") | Q(told__startswith="denied")
    return ProtocolRequest.objects.exclude(ended)


def callback_deliver(callback_id: UUID, *, resolver: Resolver = resolve) -> None:
    """Send one callback, if it is due and nobody else has it."""
    row = row_claim(Callback, callback_id)
    if row is None:
        return
    url = row.address.url
    body, headers = MESSAGES[row.request.protocol](row.request, url, row.standing)
    answer = post(url, body, headers, resolver=resolver)
    if answer.is_success:
        row_sent(row)
    else:
        row_failed(row, error=answer.error or f"status_{answer.status}", patience=WEBHOOK)
