"""How a request that came by a protocol enters, once, and how it is taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from expunge.accounts.models import Controller
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.errors import ConflictError
from expunge.notices.outgoing import url_check
from expunge.protocols.callbacks import SENDER, request_tell
from expunge.protocols.models import Agent, CallbackAddress, Protocol, ProtocolRequest
from expunge.protocols.standing import standing_of
from expunge.subjects.intake import intake_enter, intake_withdraw
from expunge.subjects.intake_payload import IntakePayload
from expunge.tickets.reasons import WithdrawalReason
from expunge.tickets.services import ticket_withdraw

MOST_CALLBACKS = 5


@transaction.atomic
def request_enter(  # noqa: PLR0913 - a request enters once, whole
    *,
    controller_id: UUID,
    protocol: Protocol,
    external_id: str,
    digest: str,
    regime: str,
    payload: IntakePayload,
    received_at: datetime,
    callbacks: Sequence[str] = (),
    agent: Agent | None = None,
    attested: str = "",
) -> ProtocolRequest:
    """Put a request into the queue of intake requests; a repetition returns the first one.

    Raises:
        ConflictError: ``request_id_used``, the id belongs to another request.
        InvalidInputError: ``url_refused``, ``regime_unknown``; ``intake_full`` as a conflict.
    """
    Controller.objects.select_for_update().get(pk=controller_id)
    known = _known(controller_id, agent, external_id, digest)
    if known is not None:
        if known.digest != digest:
            raise ConflictError("request_id_used", "This id belongs to another request.")
        return known
    for url in callbacks:
        url_check(url)
    intake = intake_enter(
        actor=SENDER,
        controller_id=controller_id,
        regime=regime,
        payload=payload,
        received_at=received_at,
    )
    request = ProtocolRequest.objects.create(
        controller_id=controller_id,
        protocol=protocol,
        external_id=external_id,
        digest=digest,
        agent=agent,
        intake=intake,
        attested=attested,
        told=standing_of(intake).code,
    )
    CallbackAddress.objects.bulk_create(
        CallbackAddress(request=request, url=url) for url in callbacks
    )
    audit_record(
        action=AuditAction.PROTOCOL_RECEIVED,
        actor=f"agent:{agent.pk}" if agent else SENDER.pseudonym,
        controller_id=controller_id,
        subject={"intake": str(intake.pk), "protocol_request": str(request.pk)},
        data={"protocol": str(protocol), "attested": bool(attested)},
    )
    return request


@transaction.atomic
def request_withdraw(*, request: ProtocolRequest, note: str = "") -> None:
    """Take a request back, with its ticket if there is one; raises what the services raise."""
    intake = request.intake
    if intake.ticket_id:
        ticket_withdraw(
            actor=SENDER,
            ticket_id=intake.ticket_id,
            reason=WithdrawalReason.BY_PERSON,
            text=note,
        )
    else:
        intake_withdraw(actor=SENDER, intake_id=intake.pk)
    intake.refresh_from_db()
    request_tell(request_id=request.pk)


def _known(
    controller_id: UUID, agent: Agent | None, external_id: str, digest: str
) -> ProtocolRequest | None:
    requests = ProtocolRequest.objects.filter(
        controller_id=controller_id, agent=agent
    ).select_related("intake__ticket", "controller")
    if agent is not None and (same := requests.filter(digest=digest).first()):
        return same
    return requests.filter(external_id=external_id).first() if external_id else None
