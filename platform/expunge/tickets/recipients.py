"""Who received models or data of a controller, and so must be told of erasures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from expunge.accounts.models import Controller
from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.clock import now
from expunge.common.errors import ConflictError, InvalidInputError, NotFoundError
from expunge.notices.kinds import Language
from expunge.notices.models import WebhookEndpoint
from expunge.registry.models import Dataset, Model
from expunge.tickets.reasons import RecipientRole
from expunge.tickets.recipient_models import Recipient


@dataclass(frozen=True)
class RecipientFields:
    """What is known of a recipient."""

    name: str
    role: str
    contact: str = field(repr=False)
    language: str = Language.ENGLISH
    model_ids: Sequence[UUID] = ()
    dataset_ids: Sequence[UUID] = ()
    endpoint_id: UUID | None = None


@dataclass(frozen=True)
class Receivable:
    """What a controller may have passed on, and the endpoints it may tell."""

    models: Sequence[Model]
    datasets: Sequence[Dataset]
    endpoints: Sequence[WebhookEndpoint]


def receivable(controller_id: UUID) -> Receivable:
    """Return what a recipient of this controller can have received."""
    endpoints = WebhookEndpoint.objects.filter(controller_id=controller_id, deleted_at__isnull=True)
    return Receivable(
        models=list(Model.objects.filter(controller_id=controller_id).order_by("name")),
        datasets=list(Dataset.objects.filter(controller_id=controller_id).order_by("name")),
        endpoints=list(endpoints.order_by("name")),
    )


def recipient_keeper(actor: Actor, controller_id: UUID) -> Controller:
    """Return the controller whose recipients the actor keeps; raises ``controller_unknown``."""
    if controller_id not in _keepers(actor):
        raise NotFoundError("controller_unknown", _("There is no such organisation for you."))
    return Controller.objects.get(pk=controller_id)


def recipients_kept_for(actor: Actor) -> QuerySet[Controller]:
    """Return the controllers whose recipients the actor keeps."""
    return Controller.objects.filter(pk__in=_keepers(actor)).order_by("name")


def recipients_visible(actor: Actor) -> QuerySet[Recipient]:
    """Return the recipients an administrator or a data-protection officer looks after."""
    return (
        Recipient.objects.filter(controller_id__in=_keepers(actor), retired_at__isnull=True)
        .select_related("controller", "endpoint")
        .prefetch_related("received", "datasets")
        .order_by("controller__name", "name")
    )


def recipient_get(actor: Actor, recipient_id: UUID) -> Recipient:
    """Return one recipient; raises ``recipient_unknown``."""
    found = recipients_visible(actor).filter(pk=recipient_id).first()
    if found is None:
        raise NotFoundError("recipient_unknown", _("There is no such recipient for you."))
    return found


@transaction.atomic
def recipient_add(*, actor: Actor, controller_id: UUID, fields: RecipientFields) -> Recipient:
    """Add a recipient of models or datasets.

    Raises:
        InvalidInputError: ``name_missing``, ``role_unknown``, ``contact_missing``,
            ``language_unknown``, ``nothing_received``, ``received_unknown``.
        ConflictError: ``name_taken``.
    """
    recipient = Recipient(controller=recipient_keeper(actor, controller_id))
    _store(recipient, fields)
    _audit(AuditAction.RECIPIENT_ADDED, actor, recipient, role=recipient.role)
    return recipient


@transaction.atomic
def recipient_change(*, actor: Actor, recipient_id: UUID, fields: RecipientFields) -> Recipient:
    """Change what is known of a recipient; raises as :func:`recipient_add`."""
    recipient = recipient_get(actor, recipient_id)
    _store(recipient, fields)
    _audit(AuditAction.RECIPIENT_CHANGED, actor, recipient, role=recipient.role)
    return recipient


@transaction.atomic
def recipient_retire(*, actor: Actor, recipient_id: UUID) -> Recipient:
    """Stop telling a recipient of later erasures; what they were told stays on record."""
    recipient = recipient_get(actor, recipient_id)
    recipient.retired_at = now()
    recipient.save(update_fields=["retired_at"])
    _audit(AuditAction.RECIPIENT_RETIRED, actor, recipient)
    return recipient


def _store(recipient: Recipient, fields: RecipientFields) -> None:
    name, contact = fields.name.strip(), fields.contact.strip()
    if not name:
        raise InvalidInputError("name_missing", _("Give the recipient's name."), field="name")
    if not contact:
        raise InvalidInputError(
            "contact_missing", _("Say how to reach the recipient."), field="contact"
        )
    if fields.role not in RecipientRole.values:
        raise InvalidInputError("role_unknown", _("Choose what they do with it."), field="role")
    if fields.language not in Language.values:
        raise InvalidInputError("language_unknown", _("Choose a language."), field="language")
    others = Recipient.objects.filter(controller_id=recipient.controller_id, name=name)
    if others.exclude(pk=recipient.pk).exists():
        raise ConflictError("name_taken", _("A recipient of this name is on record."))
    models, datasets, endpoint = _belongings(recipient.controller_id, fields)
    recipient.name, recipient.contact, recipient.role = name, contact, fields.role
    recipient.language, recipient.endpoint = fields.language, endpoint
    recipient.save()
    recipient.received.set(models)
    recipient.datasets.set(datasets)


def _belongings(
    controller_id: UUID, fields: RecipientFields
) -> tuple[list[Model], list[Dataset], WebhookEndpoint | None]:
    """Return what was received and the endpoint, all of the same controller."""
    models = list(Model.objects.filter(controller_id=controller_id, pk__in=fields.model_ids))
    datasets = list(Dataset.objects.filter(controller_id=controller_id, pk__in=fields.dataset_ids))
    if not models and not datasets:
        raise InvalidInputError(
            "nothing_received", _("Choose at least one model or dataset."), field="model_ids"
        )
    standing = WebhookEndpoint.objects.filter(controller_id=controller_id, deleted_at__isnull=True)
    endpoint = standing.filter(pk=fields.endpoint_id).first() if fields.endpoint_id else None
    wanted = {*fields.model_ids, *fields.dataset_ids}
    if len(wanted) != len(models) + len(datasets) or (fields.endpoint_id and endpoint is None):
        raise InvalidInputError(
            "received_unknown", _("Something chosen is not there."), field="model_ids"
        )
    return models, datasets, endpoint


def _keepers(actor: Actor) -> frozenset[UUID]:
    return actor.controllers(Permission.ADMINISTER) | actor.controllers(Permission.TICKET_REVIEW)


def _audit(action: AuditAction, actor: Actor, recipient: Recipient, **data: Any) -> None:
    audit_record(
        action=action,
        actor=actor.pseudonym,
        controller_id=recipient.controller_id,
        subject={"recipient": str(recipient.pk)},
        data=data,
    )
