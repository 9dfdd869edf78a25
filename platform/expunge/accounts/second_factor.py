"""Who needs a second factor, and who has one."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from allauth.mfa.models import Authenticator

from expunge.accounts.models import Membership, User
from expunge.accounts.selectors import policy_of

TOTP = Authenticator.Type.TOTP


def second_factor_held(user: User) -> bool:
    """Say whether the person has set up an authenticator app."""
    return bool(Authenticator.objects.filter(user=user, type=TOTP).exists())


def second_factor_needed(user: User) -> bool:
    """Say whether a policy of any of the person's organisations asks for a second factor."""
    roles: defaultdict[UUID, set[str]] = defaultdict(set)
    for membership in Membership.objects.filter(user=user):
        roles[membership.controller_id].add(membership.role)
    return any(
        held.intersection(policy_of(controller_id).second_factor_roles)
        for controller_id, held in roles.items()
    )
