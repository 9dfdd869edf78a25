"""Bringing people into an organisation and letting them go."""

from __future__ import annotations

from collections.abc import Iterable
from smtplib import SMTPException
from uuid import UUID
from zoneinfo import available_timezones

from allauth.account import app_settings as allauth_settings
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from expunge.accounts.models import ApiToken, Controller, Membership, Role, User
from expunge.accounts.permissions import Actor, Permission
from expunge.accounts.services import administrator_spare, membership_grant, user_create
from expunge.accounts.sessions import sessions_end_all
from expunge.accounts.signals import AccountEvent, account_announce
from expunge.common.clock import now
from expunge.common.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError


@transaction.atomic
def user_invite(
    *, actor: Actor, controller_id: UUID, email: str, name: str, roles: Iterable[str]
) -> User:
    """Give a person roles and mail them a link that sets their password.

    Somebody who has an account, here or with another organisation, keeps their name and
    password; the answer does not tell which it was.

    Raises:
        InvalidInputError: ``email_invalid``, ``name_missing``, ``role_unknown``,
            ``roles_missing``.
        NotAllowedError: ``permission_missing``, ``own_role``.
        ConflictError: ``mail_failed``, nothing was changed.
    """
    actor.require(Permission.ADMINISTER, controller_id)
    wanted = sorted(set(roles))
    if not wanted:
        raise InvalidInputError("roles_missing", _("Choose at least one role."), field="roles")
    user = User.objects.filter(email__iexact=email.strip()).first()
    if user is None:
        user = user_create(actor=actor, controller_id=controller_id, email=email.strip(), name=name)
    elif not user.is_active:
        # Whoever left all organisations comes back with the password they will set.
        user.is_active = True
        user.set_unusable_password()
        user.save(update_fields=["is_active", "password"])
    for role in wanted:
        membership_grant(actor=actor, user=user, controller_id=controller_id, role=role)
    account_announce(
        event=AccountEvent.USER_INVITED,
        actor=actor.pseudonym,
        controller_id=controller_id,
        subject={"user": str(user.pk)},
        data={"roles": wanted},
    )
    _invitation_send(user, Controller.objects.get(pk=controller_id))
    return user


@transaction.atomic
def invitation_repeat(*, actor: Actor, controller_id: UUID, user_id: UUID) -> User:
    """Mail the link once more to somebody who has never signed in.

    Raises:
        NotFoundError: ``user_unknown``.
        ConflictError: ``invitation_used``, ``mail_failed``.
    """
    user = member_get(actor, controller_id, user_id)
    if user.last_login is not None:
        raise ConflictError(
            "invitation_used", _("They have signed in before and can ask for a link themselves.")
        )
    _invitation_send(user, Controller.objects.get(pk=controller_id))
    return user


@transaction.atomic
def user_remove(*, actor: Actor, controller_id: UUID, user_id: UUID) -> None:
    """End what a person may do for the organisation: roles, tokens and sessions.

    Without a role anywhere the account is closed.

    Raises:
        NotFoundError: ``user_unknown``.
        NotAllowedError: ``own_account``.
        ConflictError: ``last_administrator``.
    """
    user = member_get(actor, controller_id, user_id)
    if actor.user is not None and actor.user.pk == user.pk:
        raise NotAllowedError("own_account", _("Another administrator must remove you."))
    held = Membership.objects.filter(user=user, controller_id=controller_id)
    if held.filter(role=Role.ADMINISTRATOR).exists():
        administrator_spare(controller_id, user.pk)
    held.delete()
    tokens = ApiToken.objects.filter(user=user, controller_id=controller_id, revoked_at=None)
    ended = tokens.update(revoked_at=now())
    closed = not Membership.objects.filter(user=user).exists()
    if closed:
        user.is_active = False
        user.save(update_fields=["is_active"])
    sessions_end_all(user)
    account_announce(
        event=AccountEvent.USER_REMOVED,
        actor=actor.pseudonym,
        controller_id=controller_id,
        subject={"user": str(user.pk)},
        data={"tokens": ended, "closed": closed},
    )


@transaction.atomic
def second_factor_reset(*, actor: Actor, controller_id: UUID, user_id: UUID) -> None:
    """Take away a second factor whose device and codes are lost; its owner sets up another.

    Raises:
        NotFoundError: ``user_unknown``.
        NotAllowedError: ``own_account``, for a stolen session must not be enough.
    """
    user = member_get(actor, controller_id, user_id)
    if actor.user is not None and actor.user.pk == user.pk:
        raise NotAllowedError("own_account", _("Another administrator must reset yours."))
    lost = Authenticator.objects.filter(user=user)
    for kind in sorted(lost.values_list("type", flat=True)):
        account_announce(
            event=AccountEvent.SECOND_FACTOR_REMOVED,
            actor=actor.pseudonym,
            controller_id=controller_id,
            subject={"user": str(user.pk)},
            data={"kind": kind},
        )
    lost.delete()
    sessions_end_all(user)


@transaction.atomic
def profile_change(*, actor: Actor, name: str, time_zone: str) -> User:
    """Change what a person is called and in which zone times are shown to them.

    It concerns nobody's rights, so the audit log is spared it.

    Raises:
        InvalidInputError: ``name_missing``, ``time_zone_unknown``.
        NotAllowedError: ``person_needed``.
    """
    if actor.user is None or actor.scopes is not None:
        raise NotAllowedError("person_needed", _("Sign in to change your profile."))
    if not name.strip():
        raise InvalidInputError("name_missing", _("Give a name."), field="name")
    if time_zone not in available_timezones():
        raise InvalidInputError(
            "time_zone_unknown", _("There is no such time zone."), field="time_zone"
        )
    actor.user.name, actor.user.time_zone = name.strip(), time_zone
    actor.user.save(update_fields=["name", "time_zone"])
    return actor.user


def member_get(actor: Actor, controller_id: UUID, user_id: UUID) -> User:
    """Return a person of an organisation that the actor administers; raises ``user_unknown``."""
    known = actor.may(Permission.ADMINISTER, controller_id)
    user = User.objects.filter(pk=user_id, memberships__controller_id=controller_id).first()
    if not known or user is None:
        raise NotFoundError("user_unknown", _("There is no such person in your organisation."))
    return user


def _invitation_send(user: User, controller: Controller) -> None:
    """Send the link while the administrator waits: a failure undoes the invitation."""
    token = allauth_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(user)
    path = reverse("account_reset_password_from_key", args=[user_pk_to_url_str(user), token])
    context = {
        "organisation": controller.name,
        "link": f"{settings.EXPUNGE_PUBLIC_URL.rstrip('/')}{path}",
    }
    with translation.override(user.language or settings.LANGUAGE_CODE):
        subject = render_to_string("account/email/invitation_subject.txt").strip()
        body = render_to_string("account/email/invitation_message.txt", context)
    try:
        EmailMessage(subject, body, to=[user.email]).send()
    except (OSError, SMTPException) as error:
        raise ConflictError(
            "mail_failed",
            _("The invitation could not be sent. Check the mail settings, then retry."),
        ) from error
