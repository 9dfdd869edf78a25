"""Saved views of the ticket list: a filter under a name, one's own or shared."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from expunge.accounts.models import User
from expunge.accounts.permissions import Actor, Permission
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from expunge.desk.models import DefaultView, SavedView

LONGEST_NAME = 60
MOST_VIEWS = 30


def views_of(actor: Actor) -> QuerySet[SavedView]:
    """Return the person's own views and those shared where they see tickets."""
    controllers = actor.controllers(Permission.TICKET_VIEW)
    return (
        SavedView.objects.filter(Q(owner=actor.user) | Q(shared=True), controller__in=controllers)
        .select_related("owner", "controller")
        .order_by("name")
    )


def default_view(actor: Actor) -> SavedView | None:
    """Return the view with which the person's list opens, if they chose one they still see."""
    return (
        views_of(actor)
        .filter(pk__in=DefaultView.objects.filter(user=actor.user).values("view"))
        .first()
    )


def view_get(actor: Actor, view_id: UUID) -> SavedView:
    """Return a view that the person sees; raises ``view_unknown``."""
    found = views_of(actor).filter(pk=view_id).first()
    if found is None:
        raise NotFoundError("view_unknown", _("There is no such view for you."))
    return found


@transaction.atomic
def view_save(  # noqa: PLR0913 - what a view is, whole
    *,
    actor: Actor,
    controller_id: UUID,
    name: str,
    query: str,
    shared: bool = False,
    default: bool = False,
) -> SavedView:
    """Keep a filter under a name; the same name again replaces the person's own view.

    Raises:
        InvalidInputError: ``view_name_missing``, ``view_name_long``.
        ConflictError: ``views_too_many``.
        NotFoundError: ``controller_unknown``.
    """
    user = _person(actor)
    if controller_id not in actor.controllers(Permission.TICKET_VIEW):
        raise NotFoundError("controller_unknown", _("There is no such organisation for you."))
    words = " ".join(name.split())
    if not words:
        raise InvalidInputError("view_name_missing", _("Give the view a name."), field="name")
    if len(words) > LONGEST_NAME:
        raise InvalidInputError(
            "view_name_long",
            _("A name has at most %(longest_name)s letters.") % {"longest_name": LONGEST_NAME},
            field="name",
        )
    own = SavedView.objects.filter(owner=user)
    if own.count() >= MOST_VIEWS and not own.filter(name=words).exists():
        raise ConflictError(
            "views_too_many",
            _("You have %(most_views)s views. Remove one before you save another.")
            % {"most_views": MOST_VIEWS},
        )
    view, _created = SavedView.objects.update_or_create(
        owner=user,
        name=words,
        defaults={"controller_id": controller_id, "query": query, "shared": shared},
    )
    if default:
        DefaultView.objects.update_or_create(user=user, defaults={"view": view})
    _audit(AuditAction.VIEW_SAVED, actor, view, {"shared": shared})
    return view


@transaction.atomic
def view_remove(*, actor: Actor, view_id: UUID) -> None:
    """Remove one of the person's own views; raises ``view_unknown``, ``view_not_yours``."""
    view = view_get(actor, view_id)
    if view.owner_id != _person(actor).pk:
        raise NotAllowedError(
            "view_not_yours", _("Only the person who shared this view removes it.")
        )
    _audit(AuditAction.VIEW_REMOVED, actor, view, {})
    view.delete()


@transaction.atomic
def view_open_with(*, actor: Actor, view_id: UUID | None) -> None:
    """Let the person's list open with a view, or with all tickets; raises ``view_unknown``."""
    user = _person(actor)
    if view_id is None:
        DefaultView.objects.filter(user=user).delete()
    else:
        DefaultView.objects.update_or_create(user=user, defaults={"view": view_get(actor, view_id)})


def _person(actor: Actor) -> User:
    if actor.user is None:
        raise NotAllowedError("person_needed", _("Views belong to people."))
    return actor.user


def _audit(action: AuditAction, actor: Actor, view: SavedView, data: dict[str, bool]) -> None:
    audit_record(
        action=action,
        actor=actor.pseudonym,
        controller_id=view.controller_id,
        subject={"view": str(view.pk)},
        data=data,
    )
