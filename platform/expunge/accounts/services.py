"""People, their roles and their API tokens: each change with its permission and its leaf."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from expunge.accounts.models import ApiToken, Controller, Membership, Role, User
from expunge.accounts.permissions import ROLE_PERMISSIONS, Actor, Permission
from expunge.accounts.signals import AccountEvent, account_changed
from expunge.accounts.tokens import token_store
from expunge.common.clock import now
from expunge.common.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError

TOKEN_DAYS = 90
TOKEN_DAYS_MOST = 366


@transaction.atomic
def user_create(
    *, actor: Actor, controller_id: UUID, email: str, name: str, password: str | None = None
) -> User:
    """Create a person who can sign in; without a password they cannot until one is set.

    Raises:
        InvalidInputError: ``email_invalid``, ``name_missing``, ``password_weak``.
        ConflictError: ``email_taken``.
    """
    actor.require(Permission.ADMINISTER, controller_id)
    _check_person(email, name, password)
    if User.objects.filter(email__iexact=email).exists():
        raise ConflictError("email_taken", _("A person with this mail address has an account."))
    user = User.objects.create_user(email.lower(), password, name=name.strip())
    account_changed.send(
        sender=None,
        event=AccountEvent.USER_CREATED,
        actor=actor.pseudonym,
        controller_id=controller_id,
        subject={"user": str(user.pk)},
        data={},
    )
    return user


@transaction.atomic
def membership_grant(*, actor: Actor, user: User, controller_id: UUID, role: str) -> Membership:
    """Give a person a role for a controller; giving it twice changes nothing.

    Raises:
        InvalidInputError: ``role_unknown``.
        NotAllowedError: ``own_role``, nobody gives a role to themselves.
    """
    actor.require(Permission.ADMINISTER, controller_id)
    if role not in Role.values:
        raise InvalidInputError(
            "role_unknown",
            _("A role is one of %(values)s.") % {"values": ", ".join(Role.values)},
            field="role",
        )
    if actor.user is not None and actor.user.pk == user.pk:
        raise NotAllowedError("own_role", _("Another administrator must give you a role."))
    membership, fresh = Membership.objects.get_or_create(
        user=user, controller_id=controller_id, role=role
    )
    if fresh:
        _audit_role(AccountEvent.MEMBERSHIP_GRANTED, actor, membership)
    return membership


@transaction.atomic
def membership_revoke(*, actor: Actor, membership: Membership) -> None:
    """Take a role away from a person.

    Raises:
        ConflictError: ``last_administrator``.
    """
    actor.require(Permission.ADMINISTER, membership.controller_id)
    if membership.role == Role.ADMINISTRATOR:
        administrator_spare(membership.controller_id, membership.user_id)
    _audit_role(AccountEvent.MEMBERSHIP_REVOKED, actor, membership)
    membership.delete()


def administrator_spare(controller_id: UUID, user_id: UUID) -> None:
    """Raise ``last_administrator`` if nobody else administers the organisation.

    It locks the organisation, so that two administrators cannot remove each other at once.
    """
    Controller.objects.select_for_update().get(pk=controller_id)
    others = Membership.objects.filter(
        controller_id=controller_id, role=Role.ADMINISTRATOR, user__is_active=True
    ).exclude(user_id=user_id)
    if not others.exists():
        raise ConflictError(
            "last_administrator", _("Make somebody else an administrator first: this is the last.")
        )


@transaction.atomic
def language_prefer(*, actor: Actor, language: str) -> None:
    """Keep the language in which a person wants the pages and mails; empty follows the browser.

    It concerns nobody else and changes nothing about a request, so the audit log is spared it.

    Raises:
        InvalidInputError: ``language_unknown``.
        NotAllowedError: ``person_needed``.
    """
    if actor.user is None:
        raise NotAllowedError("person_needed", _("Only a person has a language."))
    known = [code for code, _ in settings.LANGUAGES]
    if language and language not in known:
        raise InvalidInputError(
            "language_unknown",
            _("A language is one of %(known)s.") % {"known": ", ".join(known)},
            field="language",
        )
    User.objects.filter(pk=actor.user.pk).update(language=language)
    actor.user.language = language


@transaction.atomic
def token_create(
    *,
    actor: Actor,
    controller_id: UUID,
    name: str,
    scopes: Iterable[str],
    days: int = TOKEN_DAYS,
) -> tuple[ApiToken, str]:
    """Make an API token for the actor; the secret is returned once and never stored.

    Raises:
        InvalidInputError: ``scopes_missing``, ``scope_unknown``, ``days_out_of_range``,
            ``name_missing``.
        NotAllowedError: ``permission_missing`` for a scope the person's roles do not have,
            ``person_needed``.
    """
    if actor.user is None or actor.scopes is not None:
        raise NotAllowedError("person_needed", _("Sign in to make a token; a token makes none."))
    wanted = _scopes(scopes)
    if not name.strip():
        raise InvalidInputError("name_missing", _("Give the token a name."), field="name")
    if not 1 <= days <= TOKEN_DAYS_MOST:
        raise InvalidInputError(
            "days_out_of_range",
            _("A token lives 1 to %(token_days_most)s days.")
            % {"token_days_most": TOKEN_DAYS_MOST},
            field="days",
        )
    for scope in wanted:
        actor.require(scope, controller_id)
    token, secret = token_store(
        user=actor.user,
        controller_id=controller_id,
        name=name.strip(),
        scopes=wanted,
        lifetime=timedelta(days=days),
    )
    account_changed.send(
        sender=None,
        event=AccountEvent.TOKEN_CREATED,
        actor=actor.pseudonym,
        controller_id=controller_id,
        subject={"token": str(token.pk)},
        data={"scopes": token.scopes, "expires_at": token.expires_at.isoformat()},
    )
    return token, secret


@transaction.atomic
def token_rotate(
    *, actor: Actor, token_id: UUID, overlap: timedelta = timedelta()
) -> tuple[ApiToken, str]:
    """Replace one's own token by a new one with the same name, scopes and lifetime.

    The old one ends after the overlap, at once without one. A token may replace itself and no
    other, and stays within its scopes; a scope that the person has lost is not given again.

    Raises:
        NotFoundError: ``token_unknown``.
        ConflictError: ``token_ended``, it is revoked or expired, or no scope is left.
    """
    old = ApiToken.objects.select_for_update().filter(pk=token_id, user=actor.user).first()
    mine = old is not None and actor.token_id in {None, old.pk}
    if old is None or actor.user is None or not mine:
        raise NotFoundError("token_unknown", _("There is no such token for you."))
    person = Actor(user=actor.user)
    scopes = [
        Permission(item) for item in old.scopes if person.may(Permission(item), old.controller_id)
    ]
    if old.revoked_at is not None or old.expires_at <= now() or not scopes:
        raise ConflictError("token_ended", _("This token has ended. Make a new one."))
    token, secret = token_store(
        user=actor.user,
        controller_id=old.controller_id,
        name=old.name,
        scopes=scopes,
        lifetime=old.expires_at - old.created_at,
    )
    if overlap:
        old.expires_at = min(old.expires_at, now() + overlap)
    else:
        old.revoked_at = now()
    old.save(update_fields=["revoked_at", "expires_at"])
    account_changed.send(
        sender=None,
        event=AccountEvent.TOKEN_ROTATED,
        actor=actor.pseudonym,
        controller_id=old.controller_id,
        subject={"token": str(token.pk), "replaced": str(old.pk)},
        data={"scopes": token.scopes, "expires_at": token.expires_at.isoformat()},
    )
    return token, secret


@transaction.atomic
def token_revoke(*, actor: Actor, token_id: UUID) -> ApiToken:
    """End a token, one's own or as administrator; raises ``token_unknown``."""
    token = ApiToken.objects.select_for_update().filter(pk=token_id).first()
    mine = token is not None and actor.user is not None and token.user_id == actor.user.pk
    if token is None or not (mine or actor.may(Permission.ADMINISTER, token.controller_id)):
        raise NotFoundError("token_unknown", _("There is no such token for you."))
    if token.revoked_at is None:
        token.revoked_at = now()
        token.save(update_fields=["revoked_at"])
        account_changed.send(
            sender=None,
            event=AccountEvent.TOKEN_REVOKED,
            actor=actor.pseudonym,
            controller_id=token.controller_id,
            subject={"token": str(token.pk)},
            data={},
        )
    return token


def _scopes(scopes: Iterable[str]) -> tuple[Permission, ...]:
    names = sorted({str(scope) for scope in scopes})
    if not names:
        raise InvalidInputError(
            "scopes_missing", _("Choose what the token may do."), field="scopes"
        )
    known = {str(scope) for held in ROLE_PERMISSIONS.values() for scope in held}
    if not known.issuperset(names):
        raise InvalidInputError("scope_unknown", _("There is no such scope."), field="scopes")
    return tuple(Permission(name) for name in names)


def _check_person(email: str, name: str, password: str | None) -> None:
    try:
        validate_email(email)
    except ValidationError as error:
        raise InvalidInputError(
            "email_invalid", _("This is not a mail address."), field="email"
        ) from error
    if not name.strip():
        raise InvalidInputError("name_missing", _("Give the person's name."), field="name")
    if password is not None:
        try:
            validate_password(password, User(email=email, name=name))
        except ValidationError as error:
            raise InvalidInputError(
                "password_weak", " ".join(error.messages), field="password"
            ) from error


def _audit_role(event: AccountEvent, actor: Actor, membership: Membership) -> None:
    account_changed.send(
        sender=None,
        event=event,
        actor=actor.pseudonym,
        controller_id=membership.controller_id,
        subject={"user": str(membership.user_id)},
        data={"role": membership.role},
    )
