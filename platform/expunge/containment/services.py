"""Publishing bundles, withdrawing them, and choosing whether one outlives its ticket."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.utils.translation import gettext as _

from contract.canonical import digest_bytes
from contract.containment import (
    SIGNED_BUNDLE,
    Bundle,
    ngram_digests,
    sign,
)
from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import now
from expunge.common.errors import ConflictError, InvalidInputError
from expunge.containment.collection import wording_for
from expunge.containment.keys import key_known, signing_key
from expunge.containment.models import (
    ChoiceReason,
    ContainmentBundle,
    ContainmentChoice,
    ContainmentFetch,
    WithdrawReason,
)
from expunge.containment.wording import Wording
from expunge.notices.kinds import EventKind
from expunge.notices.services import event_emit
from expunge.registry.models import ModelVersion
from expunge.registry.selectors import versions_touched
from expunge.tickets.exemptions import nodes_to_erase
from expunge.tickets.models import Outcome, Ticket
from expunge.tickets.selectors import ticket_get
from expunge.tickets.states import TERMINAL, TicketState

PLATFORM = Actor(system="containment")
PATIENCE = timedelta(hours=1)
"""After so long it is tried again to read the records of an incomplete bundle."""

S = TicketState
CONTAINING = frozenset({S.APPROVED, S.IN_PROGRESS, S.VERIFICATION_FAILED, S.CONTAINED, S.VERIFIED})
CHOOSING = frozenset({S.VERIFICATION_FAILED, S.CONTAINED})


def containment_look(*, ticket_id: UUID) -> None:
    """Bring a ticket's bundles in line with its state: publish, keep or withdraw.

    May be called at any time and by several workers.
    """
    if containment_settle(ticket_id=ticket_id):
        _publish(ticket_id)


@transaction.atomic
def containment_settle(*, ticket_id: UUID) -> bool:
    """Withdraw what is no longer called for; says whether the ticket calls for containment."""
    ticket = Ticket.objects.select_for_update().filter(pk=ticket_id).first()
    if ticket is None:
        return False
    if is_called_for(ticket):
        return True
    active = ticket.bundles.filter(withdrawn_at__isnull=True).select_related("ticket")
    ended = ticket.state in TERMINAL | {S.CERTIFIED}
    if not ended or not active.exists():
        return False
    reason = WithdrawReason.ENDED
    if ticket.state == S.CERTIFIED or ticket.outcome == Outcome.CERTIFIED:
        reason = WithdrawReason.CERTIFIED
    elif ticket.outcome == Outcome.NOT_VERIFIED:
        if not ticket.containment_choices.exists():
            _choose(ticket, PLATFORM, keep=True, reason=ChoiceReason.PROTECTS)
            return True
        reason = WithdrawReason.LIFTED
    for bundle in active:
        _withdraw(bundle, reason)
    return False


@transaction.atomic
def containment_choose(*, actor: Actor, ticket_id: UUID, keep: bool, reason: str) -> None:
    """Choose whether containment outlives a ticket that could not be verified.

    Before the ticket is closed the choice waits for that; afterwards lifting takes effect at once
    and cannot be undone, for then nothing is left to publish from.

    Raises:
        InvalidInputError: ``reason_unknown``.
        ConflictError: ``containment_no_choice``.
    """
    ticket = ticket_get(actor, ticket_id)
    actor.require(Permission.TICKET_REVIEW, ticket.controller_id)
    if reason not in ChoiceReason.values:
        raise InvalidInputError(
            "reason_unknown",
            _("Give a reason: one of %(values)s.") % {"values": ", ".join(ChoiceReason.values)},
            field="reason",
        )
    ticket = Ticket.objects.select_for_update().get(pk=ticket.pk)
    if not may_choose(ticket):
        raise ConflictError(
            "containment_no_choice",
            _("Containment is chosen only for a ticket that could not be verified."),
        )
    _choose(ticket, actor, keep=keep, reason=ChoiceReason(reason))
    containment_settle(ticket_id=ticket.pk)


@transaction.atomic
def containment_fetch(*, actor: Actor, bundle: ContainmentBundle) -> str:
    """Hand out the signed document of an active bundle, and note who fetched it last.

    Raises:
        ConflictError: ``containment_withdrawn``.
    """
    actor.require(Permission.CONTAINMENT_READ, bundle.controller_id)
    if bundle.document is None:
        raise ConflictError(
            "containment_withdrawn", _("This bundle was withdrawn; take it out of your guard.")
        )
    if actor.user is not None:
        ContainmentFetch.objects.update_or_create(
            bundle=bundle, user=actor.user, defaults={"fetched_at": now()}
        )
    return str(bundle.document)


def is_called_for(ticket: Ticket) -> bool:
    """Say whether a ticket in its present state wants its person kept out of answers."""
    if ticket.state in CONTAINING:
        return True
    if ticket.state == S.ON_HOLD:
        return ticket.held_from in CONTAINING
    if ticket.state == S.CLOSED and ticket.outcome == Outcome.NOT_VERIFIED:
        last = ticket.containment_choices.first()
        return last is not None and last.keep
    return False


def may_choose(ticket: Ticket) -> bool:
    """Say whether it is open if containment outlives the ticket."""
    if ticket.state == S.CLOSED and ticket.outcome == Outcome.NOT_VERIFIED:
        return ticket.bundles.filter(withdrawn_at__isnull=True).exists()
    return ticket.state in CHOOSING


def _publish(ticket_id: UUID) -> None:
    """Publish what is missing. Texts are read outside any transaction: it can take long."""
    ticket = Ticket.objects.get(pk=ticket_id)
    nodes = nodes_to_erase(ticket)
    wanted = _wanting(ticket, versions_touched(nodes))
    if not wanted:
        return
    wording, complete = wording_for(nodes)
    with transaction.atomic():
        ticket = Ticket.objects.select_for_update().get(pk=ticket_id)
        if not is_called_for(ticket):
            return
        for version in _wanting(ticket, wanted):
            old = ticket.bundles.filter(model_version=version, withdrawn_at__isnull=True).first()
            if old is not None and not complete:
                continue
            if old is not None:
                _withdraw(old, WithdrawReason.SUPERSEDED)
            _store(ticket, version, wording, complete=complete)


def _wanting(ticket: Ticket, versions: Sequence[ModelVersion]) -> tuple[ModelVersion, ...]:
    """Return the versions without a bundle, or with one that should be tried again."""
    active = ticket.bundles.filter(withdrawn_at__isnull=True)
    recent = now() - PATIENCE
    settled = {
        bundle.model_version_id
        for bundle in active.defer("document")
        if bundle.complete or bundle.created_at > recent
    }
    return tuple(version for version in versions if version.pk not in settled)


def _store(ticket: Ticket, version: ModelVersion, wording: Wording, *, complete: bool) -> None:
    key_known()
    key, bundle_id = secrets.token_bytes(32), uuid4()
    bundle = Bundle(
        id=str(bundle_id),
        model=str(version.model_id),
        model_version=str(version.pk),
        model_digest=version.digest,
        published_at=now(),
        key=key.hex(),
        names=ngram_digests(key, wording.names),
        answers=ngram_digests(key, wording.answers),
        lengths=wording.lengths,
    )
    document = SIGNED_BUNDLE.dump_json(sign(bundle, signing_key())).decode()
    stored = ContainmentBundle.objects.create(
        id=bundle_id,
        controller_id=ticket.controller_id,
        ticket=ticket,
        model_version=version,
        document=document,
        digest=digest_bytes(document.encode()),
        names=len(bundle.names),
        answers=len(bundle.answers),
        complete=complete,
    )
    found = {"digest": stored.digest, "effect": bundle.effect, "complete": complete}
    _announce(stored, AuditAction.CONTAINMENT_PUBLISHED, EventKind.CONTAINMENT_PUBLISHED, found)


def _withdraw(bundle: ContainmentBundle, reason: WithdrawReason) -> None:
    columns = {"document": None, "withdrawn_at": now(), "reason": str(reason)}
    waiting = ContainmentBundle.objects.filter(pk=bundle.pk, withdrawn_at__isnull=True)
    if waiting.update(**columns):
        found = {"digest": bundle.digest, "reason": str(reason)}
        _announce(bundle, AuditAction.CONTAINMENT_WITHDRAWN, EventKind.CONTAINMENT_WITHDRAWN, found)


def _choose(ticket: Ticket, actor: Actor, *, keep: bool, reason: ChoiceReason) -> None:
    ContainmentChoice.objects.create(ticket=ticket, keep=keep, reason=reason, user=actor.user)
    audit_record(
        action=AuditAction.CONTAINMENT_CHOSEN,
        actor=actor.pseudonym,
        controller_id=ticket.controller_id,
        subject={"ticket": str(ticket.pk)},
        data={"keep": keep, "reason": str(reason)},
    )


def _announce(
    bundle: ContainmentBundle, action: AuditAction, event: EventKind, found: Mapping[str, Any]
) -> None:
    subject = {
        "bundle": str(bundle.pk),
        "ticket": str(bundle.ticket_id),
        "model_version": str(bundle.model_version_id),
    }
    audit_record(
        action=action,
        actor=PLATFORM.pseudonym,
        controller_id=bundle.controller_id,
        subject=subject,
        data=found,
    )
    event_emit(kind=event, controller_id=bundle.controller_id, subject=subject, data=found)
