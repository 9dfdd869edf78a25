"""Reading people, roles and tokens."""

from __future__ import annotations

from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.utils.translation import gettext as _

from expunge.accounts.models import ApiToken, Controller, ControllerPolicy, Membership, User
from expunge.accounts.permissions import Actor, Permission
from expunge.common.errors import NotFoundError


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


def membership_get(actor: Actor, controller_id: UUID, membership_id: UUID) -> Membership:
    """Return a role somebody holds here; raises ``membership_unknown``."""
    found = members_visible(actor, controller_id).filter(pk=membership_id).first()
    if found is None:
        raise NotFoundError("membership_unknown", _("There is no such role to take away."))
    return found


def people_of(actor: Actor, controller_id: UUID) -> QuerySet[User]:
    """Return the people of an organisation by name, for its administrators; else nobody.

    Each carries ``roles``, the memberships of this organisation, and ``protected``, whether
    they have a second factor.
    """
    if not actor.may(Permission.ADMINISTER, controller_id):
        return User.objects.none()
    here = Membership.objects.filter(controller_id=controller_id).order_by("role")
    totp = Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP)
    return (
        User.objects.filter(pk__in=here.values("user"))
        .prefetch_related(Prefetch("memberships", here, to_attr="roles"))
        .annotate(protected=Exists(totp))
        .order_by("name", "pk")
    )


def tokens_at(actor: Actor, controller_id: UUID) -> QuerySet[ApiToken]:
    """Return every token for an organisation, newest first, for its administrators."""
    if not actor.may(Permission.ADMINISTER, controller_id):
        return ApiToken.objects.none()
    found = ApiToken.objects.filter(controller_id=controller_id)
    return found.select_related("user").order_by("-created_at")


def tokens_of(actor: Actor) -> QuerySet[ApiToken]:
    """Return the actor's own tokens, newest first."""
    if actor.user is None:
        return ApiToken.objects.none()
    return (
        ApiToken.objects.filter(user=actor.user)
        .select_related("controller")
        .order_by("-created_at")
    )


def token_get(actor: Actor, token_id: UUID) -> ApiToken:
    """Return one of the actor's own tokens; raises ``token_unknown``.

    A token sees those of its organisation only.
    """
    mine = tokens_of(actor).filter(pk=token_id)
    found = (mine.filter(controller_id=actor.only) if actor.only else mine).first()
    if found is None:
        raise NotFoundError("token_unknown", _("There is no such token for you."))
    return found


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
