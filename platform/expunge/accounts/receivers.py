"""What allauth changes about an account, told to the audit log in the same transaction."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import password_changed, password_reset, password_set
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_removed
from django.db.models.signals import post_save
from django.dispatch import receiver

from expunge.accounts.models import User
from expunge.accounts.sessions import sessions_end_all
from expunge.accounts.signals import AccountEvent, account_announce


@receiver([password_changed, password_set])
def password_was_changed(*, user: User, **_sent: Any) -> None:
    """Record a change of password by its owner. Django ends their other sessions by itself."""
    _announce(AccountEvent.PASSWORD_CHANGED, user, how="account")


@receiver(password_reset)
def password_was_reset(*, user: User, **_sent: Any) -> None:
    """Record a password set by a link: whoever could read the mail has proven the address."""
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=user.email.lower(), verified=True, primary=True)
    sessions_end_all(user)
    _announce(AccountEvent.PASSWORD_CHANGED, user, how="mail")


@receiver(post_save, sender=Authenticator)
def second_factor_was_added(*, instance: Authenticator, created: bool, **_sent: Any) -> None:
    """Record a new authenticator, and not each use of one."""
    if created:
        _announce(AccountEvent.SECOND_FACTOR_ADDED, instance.user, kind=str(instance.type))


@receiver(authenticator_removed)
def second_factor_was_removed(*, user: User, authenticator: Authenticator, **_sent: Any) -> None:
    """Record that somebody removed their own authenticator."""
    _announce(AccountEvent.SECOND_FACTOR_REMOVED, user, kind=str(authenticator.type))


def _announce(event: AccountEvent, user: User, **data: str) -> None:
    account_announce(
        event=event,
        actor=f"user:{user.pk}",
        controller_id=None,
        subject={"user": str(user.pk)},
        data=data,
    )
