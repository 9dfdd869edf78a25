"""Telling the recipients of models and data that something was erased (GDPR Art. 19).

When a ticket ends as certified, every recipient of what it concerned gets a row, a letter and,
where they have an endpoint, an event. A row stays open until the recipient acknowledges it, or a
person records why telling them is impossible or disproportionate. Nothing here names the person.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import now
from expunge.common.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from expunge.notices.kinds import EventKind, NoticeKind
from expunge.notices.services import event_emit, mail_send
from expunge.registry.models import Dataset, Model, ScopeNode
from expunge.registry.selectors import versions_touched
from expunge.tickets.models import Ticket
from expunge.tickets.reasons import RecipientExcuse
from expunge.tickets.recipient_models import Recipient, RecipientNotice

PLATFORM = Actor(system="correspondence")
RECIPIENT = Actor(system="recipient")


def recipient_notices(actor: Actor, *, open_only: bool = False) -> QuerySet[RecipientNotice]:
    """Return who was told of which erasure, oldest first; the open ones are a worklist."""
    visible = actor.controllers(Permission.TICKET_VIEW)
    rows = RecipientNotice.objects.filter(ticket__controller_id__in=visible).select_related(
        "ticket", "recipient", "acknowledged_by", "excused_by"
    )
    if open_only:
        rows = rows.filter(acknowledged_at__isnull=True, excused_at__isnull=True)
    return rows.order_by("created_at")


def recipient_notices_of(actor: Actor, ticket: Ticket) -> QuerySet[RecipientNotice]:
    """Return the rows of one ticket."""
    return recipient_notices(actor).filter(ticket=ticket)


def recipient_notice_by_link(token: str) -> RecipientNotice:
    """Return the row that a secret link belongs to; raises ``link_unknown``."""
    found = (
        RecipientNotice.objects.filter(digest=_digest(token))
        .select_related("ticket", "recipient__controller")
        .first()
    )
    if found is None:
        raise NotFoundError("link_unknown", _("This link is not valid."))
    return found


def recipients_tell(ticket: Ticket, nodes: Iterable[ScopeNode]) -> None:
    """Tell every recipient of what an erasure concerned, in the transaction of its end."""
    scope = tuple(nodes)
    concerned = {version.model for version in versions_touched(scope)}
    datasets = {node.dataset for node in scope}
    wanted = Recipient.objects.filter(
        Q(received__in=concerned) | Q(datasets__in=datasets),
        controller_id=ticket.controller_id,
        retired_at__isnull=True,
    ).distinct()
    for recipient in wanted.select_related("endpoint").order_by("name"):
        names = _received(recipient, concerned, datasets)
        _tell(ticket, recipient, names)


@transaction.atomic
def recipient_acknowledge_by_link(*, token: str) -> RecipientNotice:
    """Record that the recipient followed their secret link and confirmed; twice is once."""
    notice = recipient_notice_by_link(token)
    return _acknowledge(notice, RECIPIENT)


@transaction.atomic
def recipient_acknowledge(*, actor: Actor, notice_id: UUID) -> RecipientNotice:
    """Record that the recipient confirmed in another way (by letter, by telephone)."""
    return _acknowledge(_notice_for(actor, notice_id), actor)


@transaction.atomic
def recipient_excuse(*, actor: Actor, notice_id: UUID, reason: str, text: str) -> RecipientNotice:
    """Record why telling the recipient is impossible or disproportionate.

    Raises:
        InvalidInputError: ``reason_unknown``, ``text_missing``.
        ConflictError: ``recipient_done``.
        NotAllowedError: ``permission_missing``, ``person_needed``.
    """
    notice = _notice_for(actor, notice_id)
    if actor.user is None:
        raise NotAllowedError("person_needed", _("A person must decide this."))
    if reason not in RecipientExcuse.values:
        raise InvalidInputError("reason_unknown", _("Choose a reason."), field="reason")
    if not text.strip():
        raise InvalidInputError("text_missing", _("Say why, in a sentence or two."), field="text")
    if notice.acknowledged_at or notice.excused_at:
        raise ConflictError("recipient_done", _("This row is settled already."))
    columns = {"excuse": reason, "excuse_text": text.strip(), "excused_at": now()}
    for name, value in {**columns, "excused_by": actor.user}.items():
        setattr(notice, name, value)
    notice.save(update_fields=[*columns, "excused_by"])
    _audit_notice(AuditAction.RECIPIENT_EXCUSED, actor, notice, reason=reason)
    return notice


def _tell(ticket: Ticket, recipient: Recipient, names: Sequence[str]) -> None:
    token = secrets.token_urlsafe(32)
    notice = RecipientNotice.objects.create(
        ticket=ticket,
        recipient=recipient,
        concerned=list(names),
        digest=_digest(token),
        notified_at=now(),
    )
    mail_send(
        kind=NoticeKind.RECIPIENT,
        controller_id=ticket.controller_id,
        recipient=recipient.contact,
        language=recipient.language,
        context={
            "recipient_name": recipient.name,
            "reference": ticket.reference,
            "models": ", ".join(names),
            "acknowledge_link": f"{settings.EXPUNGE_PUBLIC_URL}/recipients/confirm/{token}/",
        },
        ticket_id=ticket.pk,
    )
    if recipient.endpoint is not None:
        event_emit(
            kind=EventKind.RECIPIENT_NOTIFIED,
            controller_id=ticket.controller_id,
            subject={
                "ticket": str(ticket.pk),
                "recipient": str(recipient.pk),
                "recipient_notice": str(notice.pk),
            },
            data={"reference": ticket.reference},
            only=recipient.endpoint,
        )
    _audit_notice(AuditAction.RECIPIENT_NOTIFIED, PLATFORM, notice)


def _received(
    recipient: Recipient, concerned: Iterable[Model], datasets: Iterable[Dataset]
) -> list[str]:
    models = {item.pk: item.name for item in concerned}
    sets = {item.pk: item.name for item in datasets}
    held = [models[pk] for pk in recipient.received.values_list("pk", flat=True) if pk in models]
    data = [sets[pk] for pk in recipient.datasets.values_list("pk", flat=True) if pk in sets]
    return sorted(held) + sorted(data)


def _acknowledge(notice: RecipientNotice, actor: Actor) -> RecipientNotice:
    first = RecipientNotice.objects.filter(pk=notice.pk, acknowledged_at__isnull=True).update(
        acknowledged_at=now(), acknowledged_by=actor.user
    )
    if first:
        _audit_notice(AuditAction.RECIPIENT_ACKNOWLEDGED, actor, notice)
    notice.refresh_from_db()
    return notice


def _notice_for(actor: Actor, notice_id: UUID) -> RecipientNotice:
    found = recipient_notices(actor).filter(pk=notice_id).first()
    if found is None:
        raise NotFoundError("recipient_notice_unknown", _("There is no such notice for you."))
    actor.require(Permission.TICKET_REVIEW, found.ticket.controller_id)
    return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _audit_notice(action: AuditAction, actor: Actor, notice: RecipientNotice, **data: Any) -> None:
    audit_record(
        action=action,
        actor=actor.pseudonym,
        controller_id=notice.ticket.controller_id,
        subject={"recipient": str(notice.recipient_id), "ticket": str(notice.ticket_id)},
        data={**data, "notice": str(notice.pk)},
    )
