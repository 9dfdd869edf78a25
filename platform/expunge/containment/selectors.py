"""Reading bundles: what deployers apply, and what the people of a ticket see of it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.common.errors import NotFoundError
from expunge.containment.models import ContainmentBundle, ContainmentFetch
from expunge.tickets.models import Ticket


def bundles_readable(
    actor: Actor, *, since: datetime | None = None, model_id: UUID | None = None
) -> QuerySet[ContainmentBundle]:
    """Return the bundles a deployer has to apply now.

    With ``since``: whatever was published or withdrawn from then on instead.
    """
    bundles = _of(actor, Permission.CONTAINMENT_READ)
    if model_id is not None:
        bundles = bundles.filter(model_version__model_id=model_id)
    if since is not None:
        return bundles.filter(Q(created_at__gte=since) | Q(withdrawn_at__gte=since))
    return bundles.filter(withdrawn_at__isnull=True)


def bundle_get(actor: Actor, bundle_id: UUID) -> ContainmentBundle:
    """Return one bundle with its document; raises ``bundle_unknown``."""
    controllers = actor.controllers(Permission.CONTAINMENT_READ)
    found = ContainmentBundle.objects.filter(pk=bundle_id, controller_id__in=controllers).first()
    if found is None:
        raise NotFoundError("bundle_unknown", _("There is no such bundle for you."))
    return found


def bundles_active(actor: Actor) -> QuerySet[ContainmentBundle]:
    """Return the active bundles as pages show them, without what is in them."""
    return _of(actor, Permission.TICKET_VIEW).filter(withdrawn_at__isnull=True)


def bundles_of(actor: Actor, ticket: Ticket) -> tuple[ContainmentBundle, ...]:
    """Return a ticket's bundles, active ones first, without what is in them."""
    found = _of(actor, Permission.TICKET_VIEW).filter(ticket=ticket)
    return tuple(sorted(found, key=lambda bundle: bundle.withdrawn_at is not None))


def _of(actor: Actor, permission: Permission) -> QuerySet[ContainmentBundle]:
    fetches = ContainmentFetch.objects.select_related("user").order_by("-fetched_at")
    return (
        ContainmentBundle.objects.filter(controller_id__in=actor.controllers(permission))
        .defer("document")
        .select_related("model_version__model", "ticket")
        .prefetch_related(Prefetch("fetches", fetches))
    )
