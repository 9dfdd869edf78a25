"""The staff of the organisation that is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from expunge.accounts.models import Controller, Membership, Role, User

ENGINEERS = 16
"""As many as clients that file at the same time, each with a token and a rate limit of its own."""


@dataclass(frozen=True)
class Staff:
    """The organisation and those who work with its tickets."""

    controller: Controller
    officers: Sequence[User]
    approver: User
    engineers: Sequence[User]


def staff_seed() -> Staff:
    """Store an organisation with its staff; nobody of them has a password."""
    controller = Controller.objects.create(name="Load")
    officers = [_user(controller, "officer", Role.DPO, Role.AUDITOR)]
    approver = _user(controller, "approver", Role.APPROVER)
    engineers = [_user(controller, f"engineer{n}", Role.ENGINEER) for n in range(ENGINEERS)]
    return Staff(controller, officers, approver, engineers)


def _user(controller: Controller, name: str, *roles: Role) -> User:
    user = User.objects.create_user(f"{name}@load.example", None, name=name.capitalize())
    for role in roles:
        Membership.objects.create(user=user, controller=controller, role=role)
    return user
