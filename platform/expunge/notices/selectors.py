"""Reading the outbox, the endpoints and the wordings; filtered by what the reader may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from expunge.accounts.models import Controller
from expunge.accounts.permissions import Actor, Permission
from expunge.common.errors import NotFoundError
from expunge.notices.kinds import Language, NoticeKind
from expunge.notices.letters import Letter
from expunge.notices.models import (
    Notice,
    NoticeTemplate,
    OutboxState,
    WebhookDelivery,
    WebhookEndpoint,
)


@dataclass(frozen=True)
class TemplateState:
    """One kind of letter in one language, and whether the controller has a wording of its own."""

    controller: Controller
    kind: NoticeKind
    language: Language
    own: NoticeTemplate | None


def notices_visible(actor: Actor, *, state: str | None = None) -> QuerySet[Notice]:
    """Return letters, newest first, for those who administer and those who review."""
    seen = actor.controllers(Permission.ADMINISTER) | actor.controllers(Permission.TICKET_REVIEW)
    found = Notice.objects.filter(controller_id__in=seen).select_related("controller", "sent_by")
    if state:
        found = found.filter(state=state)
    return found.defer("recipient", "subject", "body").order_by("-created_at")


def notices_by_hand(actor: Actor) -> QuerySet[Notice]:
    """Return the letters that wait for this actor to send them by hand, oldest first."""
    mine = actor.controllers(Permission.TICKET_REVIEW)
    return (
        Notice.objects.filter(controller_id__in=mine, state=OutboxState.BY_HAND)
        .select_related("controller")
        .defer("recipient", "subject", "body")
        .order_by("created_at")
    )


def notices_about(actor: Actor, ticket_id: UUID) -> QuerySet[Notice]:
    """Return the letters about one ticket, oldest first."""
    mine = actor.controllers(Permission.TICKET_VIEW)
    return (
        Notice.objects.filter(controller_id__in=mine, ticket_id=ticket_id)
        .select_related("sent_by")
        .defer("recipient", "subject", "body")
        .order_by("created_at")
    )


def notice_get(actor: Actor, notice_id: UUID, *, lock: bool = False) -> Notice:
    """Return one letter; raises ``notice_unknown``."""
    rows = Notice.objects.select_for_update() if lock else Notice.objects.all()
    found = rows.filter(pk__in=notices_visible(actor).values("pk"), pk=notice_id).first()
    if found is None:
        raise NotFoundError("notice_unknown", _("There is no such letter for you."))
    return found


def notice_letter(actor: Actor, notice: Notice) -> tuple[str, Letter] | None:
    """Return recipient and text of a letter that is not out yet, to those who review."""
    if notice.body is None or not actor.may(Permission.TICKET_REVIEW, notice.controller_id):
        return None
    return notice.recipient or "", Letter(notice.subject or "", notice.body)


def endpoints_visible(actor: Actor) -> QuerySet[WebhookEndpoint]:
    """Return the endpoints an administrator looks after."""
    mine = actor.controllers(Permission.ADMINISTER)
    return (
        WebhookEndpoint.objects.filter(controller_id__in=mine, deleted_at__isnull=True)
        .select_related("controller", "created_by")
        .order_by("controller__name", "name")
    )


def endpoint_get(actor: Actor, endpoint_id: UUID, *, lock: bool = False) -> WebhookEndpoint:
    """Return one endpoint; raises ``webhook_unknown``."""
    rows = endpoints_visible(actor).filter(pk=endpoint_id)
    found = (rows.select_for_update(of=("self",)) if lock else rows).first()
    if found is None:
        raise NotFoundError("webhook_unknown", _("There is no such endpoint for you."))
    return found


def deliveries_of(actor: Actor, endpoint: WebhookEndpoint) -> QuerySet[WebhookDelivery]:
    """Return the deliveries to one endpoint, newest first, with their tries."""
    return (
        WebhookDelivery.objects.filter(
            endpoint=endpoint, endpoint__in=endpoints_visible(actor).values("pk")
        )
        .select_related("event", "endpoint")
        .prefetch_related("attempts")
        .order_by("-created_at")
    )


def delivery_get(actor: Actor, delivery_id: UUID) -> WebhookDelivery:
    """Return one delivery; raises ``delivery_unknown``."""
    found = (
        WebhookDelivery.objects.filter(
            pk=delivery_id, endpoint__in=endpoints_visible(actor).values("pk")
        )
        .select_related("event", "endpoint")
        .first()
    )
    if found is None:
        raise NotFoundError("delivery_unknown", _("There is no such delivery for you."))
    return found


def templates_of(controller: Controller) -> Sequence[TemplateState]:
    """Return every kind of letter in every language, with the controller's own wording if any."""
    newest = (
        NoticeTemplate.objects.filter(controller=controller)
        .order_by("kind", "language", "-number")
        .distinct("kind", "language")
        .select_related("author")
    )
    own = {(row.kind, row.language): row for row in newest if not row.is_default}
    return [
        TemplateState(controller, kind, language, own.get((kind, language)))
        for kind in NoticeKind
        for language in Language
    ]


def template_history(
    controller: Controller, kind: NoticeKind, language: str
) -> QuerySet[NoticeTemplate]:
    """Return every state of one wording, newest first."""
    return (
        NoticeTemplate.objects.filter(controller=controller, kind=kind, language=language)
        .select_related("author")
        .order_by("-number")
    )
