"""Reading people, roles and tokens."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from expunge.accounts.models import ApiToken, Controller, ControllerPolicy, Membership
from expunge.accounts.permissions import Actor, Permission


def controllers_of(actor: Actor) -> QuerySet[Controller]:
    """Return the organisations for which the actor may do anything at all."""
    visible = frozenset[UUID]().union(*(actor.controllers(item) for item in Permission))
    return Controller.objects.filter(pk__in=visible)


def members_visible(actor: Actor, controller_id: UUID) -> QuerySet[Membership]:
    """Return who holds which role for a controller; nothing for anyone but an administrator."""
    if not actor.may(Permission.ADMINISTER, controller_id):
        return Membership.objects.none()
    return (
        Membership.objects.filter(controller_id=controller_id)
        .select_related("user", "controller")
        .order_by("user__name", "role")
    )


def tokens_of(actor: Actor) -> QuerySet[ApiToken]:
    """Return the actor's own tokens, newest first."""
    if actor.user is None:
        return ApiToken.objects.none()
    return (
        ApiToken.objects.filter(user=actor.user)
        .select_related("controller")
        .order_by("-created_at")
    )


def policy_of(controller_id: UUID) -> ControllerPolicy:
    """Return the organisation's policy in force; the defaults, with number 0, if it never chose."""
    chosen = ControllerPolicy.objects.filter(controller_id=controller_id).first()
    return chosen or ControllerPolicy(controller_id=controller_id, number=0)


def policy_history(actor: Actor, controller_id: UUID) -> QuerySet[ControllerPolicy]:
    """Return every policy the organisation ever had, newest first, for its administrators."""
    if not actor.may(Permission.ADMINISTER, controller_id):
        return ControllerPolicy.objects.none()
    return ControllerPolicy.objects.filter(controller_id=controller_id).select_related("changed_by")


def scopes_grantable(actor: Actor, controller_id: UUID) -> tuple[Permission, ...]:
    """Return the scopes a token of this actor may have for the controller."""
    return tuple(scope for scope in Permission if actor.may(scope, controller_id))
