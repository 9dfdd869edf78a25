"""The sessions of a person: which there are, and ending them."""

from __future__ import annotations

from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from expunge.accounts.models import User
from expunge.accounts.permissions import Actor
from expunge.accounts.signals import AccountEvent, account_announce
from expunge.common.clock import now
from expunge.common.errors import NotFoundError


def sessions_of(actor: Actor) -> QuerySet[Any]:
    """Return the actor's own sessions that are still open, the latest first."""
    if actor.user is None or actor.scopes is not None:
        none: QuerySet[Any] = UserSession.objects.none()
        return none
    alive = Session.objects.filter(expire_date__gt=now()).values("session_key")
    mine: QuerySet[Any] = UserSession.objects.filter(user=actor.user, session_key__in=alive)
    return mine.order_by("-last_seen_at")


@transaction.atomic
def session_end(*, actor: Actor, session_id: int) -> None:
    """End one of one's own sessions; raises ``session_unknown``."""
    session = sessions_of(actor).filter(pk=session_id).first()
    if session is None or actor.user is None:
        raise NotFoundError("session_unknown", _("There is no such session of yours."))
    session.end()
    _announce(actor.user, actor.pseudonym, 1)


@transaction.atomic
def sessions_end_others(*, actor: Actor, current: str) -> int:
    """End every session of one's own but the one with the key ``current``."""
    others = list(sessions_of(actor).exclude(session_key=current))
    for session in others:
        session.end()
    if others and actor.user is not None:
        _announce(actor.user, actor.pseudonym, len(others))
    return len(others)


def sessions_end_all(user: User) -> None:
    """End every session of a person, in the transaction of what makes it necessary."""
    for session in UserSession.objects.filter(user=user):
        session.end()


def _announce(user: User, actor: str, count: int) -> None:
    account_announce(
        event=AccountEvent.SESSIONS_ENDED,
        actor=actor,
        controller_id=None,
        subject={"user": str(user.pk)},
        data={"sessions": count},
    )
